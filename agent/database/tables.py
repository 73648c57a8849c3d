"""The tables of an import: in which order they are made, and which chunks may go into those that are there already."""

import threading

from shared.bundle import members_of

MYPY = False
if MYPY:
    from typing import Callable, Iterable, Mapping

    from shared.documents import Manifest, Member

#: Between two looks at whether the wait still makes sense.
LOOK_SECONDS = 0.2


class Tables:
    """The tables `manifest` has chunks for; `missing` (name -> statement that makes it) are not there yet.

    Those that fill whole chunks come first, the largest before the others: their rows come in while the rest is made.
    Safe to use from several threads.
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
        # Asked again while it is held: Condition's own lock is an RLock
        self._changed = threading.Condition()

    def to_make(self) -> "list[tuple[str, str]]":
        """Return (name, statement) of the missing tables in the order in which they are to be made."""
        return sorted(self._create.items(), key=lambda item: self._place.get(item[0], len(self._place)))

    def chunks_in_order(self, members: "Iterable[Member]") -> "list[Member]":
        """Return the data chunks `members` in the order in which they can go in."""
        return sorted(members, key=lambda member: self._place.get(member.get("table"), len(self._place)))

    def made(self, name: str) -> None:
        """The table `name` is there."""
        with self._changed:
            self._missing.discard(name)
            # Chunks wait for a table that fills some, or for all of them: woken for the others, nobody could go on
            if name in self._place or not self._missing:
                self._changed.notify_all()

    def are_there(self, member: "Member") -> bool:
        """Tell whether the tables of the chunk `member` are there: its own, or all where it has rows of several."""
        table = member.get("table")
        with self._changed:
            return not self._missing if table is None else table not in self._missing

    def wait_for(self, member: "Member", check: "Callable[[], None]") -> None:
        """Return when the tables of the chunk `member` are there; `check()` is called meanwhile, and raises to end
        it."""
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: self.are_there(member), LOOK_SECONDS):
                    return
            # Not within: whoever makes tables does not wait for it
            check()
