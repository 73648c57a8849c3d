"""The order in which an import creates tables, and which chunks may go into the existing ones."""

import threading

from shared.bundle import members_of

MYPY = False
if MYPY:
    from typing import Callable, Iterable, Mapping

    from shared.documents import Manifest, Member

#: Between two checks whether the wait should go on.
LOOK_SECONDS = 0.2


class Tables:
    """The tables `manifest` has chunks for; those in `missing` (name -> statement that creates it) do not exist yet.

    Tables that fill whole chunks come first, the largest one before the others: their rows are imported while the rest
    is created. Safe to use from several threads.
    """

    def __init__(self, manifest: "Manifest", missing: "Mapping[str, str]") -> None:
        own: "dict[str, int]" = {}
        for member in members_of(manifest, "data"):
            if "table" in member:
                own[member["table"]] = own.get(member["table"], 0) + member["size"]
        self._place: "dict[str | None, int]" = {
            name: number for number, name in enumerate(sorted(own, key=lambda name: -own[name]))
        }
        self._create = missing
        self._missing = set(missing)
        # `are_there` locks it again while `wait_for` holds it: Condition's own lock is an RLock
        self._changed = threading.Condition()

    def to_make(self) -> "list[tuple[str, str]]":
        """Return (name, statement) of the missing tables in the order of their creation."""
        return sorted(self._create.items(), key=lambda item: self._place.get(item[0], len(self._place)))

    def chunks_in_order(self, members: "Iterable[Member]") -> "list[Member]":
        """Return the data chunks `members` in the order in which they can be imported."""
        return sorted(members, key=lambda member: self._place.get(member.get("table"), len(self._place)))

    def made(self, name: str) -> None:
        """Note that the table `name` exists."""
        with self._changed:
            self._missing.discard(name)
            # Chunks wait for a table of their own, or for all tables: other tables would wake them for nothing
            if name in self._place or not self._missing:
                self._changed.notify_all()

    def are_there(self, member: "Member") -> bool:
        """Return whether the tables of the chunk `member` exist: its own, or all where it has rows of several."""
        table = member.get("table")
        with self._changed:
            return not self._missing if table is None else table not in self._missing

    def wait_for(self, member: "Member", check: "Callable[[], None]") -> None:
        """Wait until the tables of the chunk `member` exist; `check()` is called meanwhile, and raises to end
        the wait."""
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: self.are_there(member), LOOK_SECONDS):
                    return
            # Outside of the lock: the threads that create tables must not wait for it
            check()
