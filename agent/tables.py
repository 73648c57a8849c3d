"""The tables of an import: in which order they are made, and which chunks may go into those that are there already."""

import threading

from shared.bundle import members_of

#: Between two looks at whether the wait still makes sense.
LOOK_SECONDS = 0.2


class Tables:
    """The tables that `manifest` has chunks for; those named in `missing` (list) are not there yet.

    Those that fill whole chunks come first, the largest before the others: their rows come in while the rest is made.
    Safe to use from several threads.
    """

    def __init__(self, manifest, missing):
        own = {}
        for member in members_of(manifest, "data"):
            if "table" in member:
                own[member["table"]] = own.get(member["table"], 0) + member["size"]
        self._place = {name: number for number, name in enumerate(sorted(own, key=lambda name: -own[name]))}
        self._missing = set(missing)
        self._changed = threading.Condition()

    def in_order(self, names):
        """Return `names` of tables in the order in which they are to be made."""
        return sorted(names, key=lambda name: self._place.get(name, len(self._place)))

    def chunks_in_order(self, members):
        """Return the data chunks `members` in the order in which they can go in."""
        return sorted(members, key=lambda member: self._place.get(member.get("table"), len(self._place)))

    def made(self, name):
        """The table `name` is there."""
        with self._changed:
            self._missing.discard(name)
            self._changed.notify_all()

    def wait_for(self, member, check):
        """Return when the tables of the chunk `member` are there: its own, or all where it has rows of several.

        `check()` is called meanwhile, and raises to end it.
        """
        table = member.get("table")
        with self._changed:
            while self._missing if table is None else table in self._missing:
                self._changed.wait(LOOK_SECONDS)
                check()
