"""Which chunks of rows an agent sent, and that none was sent again that was there, with any process killed."""

import os
from collections import Counter

import pymysql

from agent.database.importer import CONNECTIONS
from agent.database.ledger import NO_SUCH_TABLE
from shared.bundle import LEDGER_TABLE
from tests.integration.agent_work.conftest import Shop

DATA = "db/data/"


class Chunks:
    """What the agent of `shop` notes of the chunks of `bundle` (tests/fakes/agent_overlay/chunks.py)."""

    def __init__(self, shop, bundle):
        self._shop = shop
        self._path = shop.base / "chunks"
        self.names = {name for name in bundle.entries if name.startswith(DATA)}
        self.forget()

    def forget(self):
        """Begin anew, as a restore at zero does."""
        self._path.write_text("")
        os.chown(self._path, self._shop.uid, self._shop.gid)
        #: (chunk that was there -> by which attempt, how many notes there were)
        self._looks = []

    def _notes(self):
        """Return [("sent" or "there", chunk, attempt)] in the order in which they were made."""
        notes = [line.split() for line in self._path.read_text().splitlines()]
        return [(what, name, int(attempt)) for what, name, attempt in notes if name.startswith(DATA)]

    def look_after_crash(self):
        """As `look` once a killed server is back. What was seen before may be gone with it, unless it was answered:
        others see rows a moment before their commit is on the disk."""
        self._looks = []
        return self.look()

    def look(self):
        """Return the chunks that are in the ledger now, as a set: from here on none of them may be sent again.

        Raises pymysql.err.OperationalError where no server answers.
        """
        try:
            there = dict(self._shop.query(f"SELECT chunk, attempt FROM {LEDGER_TABLE}"))
        except pymysql.err.ProgrammingError as error:
            if error.args[0] != NO_SUCH_TABLE:
                raise
            there = {}
        there = {name: attempt for name, attempt in there.items() if name in self.names}
        # In this order: whatever was there had been noted as sent before
        self._looks.append((there, len(self._notes())))
        return set(there)

    def sent(self):
        """Return chunk -> how often it was sent, since the last look where there was one."""
        start = self._looks[-1][1] if self._looks else 0
        return Counter(name for what, name, _ in self._notes()[start:] if what == "sent")

    def check(self, breaks, about):
        """Fail with `about` unless every chunk was sent, and again only what was under way `breaks` times.

        With None for `breaks` it may have been so any number of times.
        """
        notes = self._notes()
        sent = Counter(name for what, name, _ in notes if what == "sent")
        assert sent.keys() == self.names, about
        if breaks is not None:
            again = {name: number for name, number in sent.items() if number > 1}
            assert sum(sent.values()) <= len(self.names) + breaks * CONNECTIONS, (about, again)
        # An older attempt's agent that was stopped between claim and note makes it when it wakes up
        there = {}
        for what, name, attempt in notes:
            assert attempt < there.get(name, attempt + 1), f"{about}: {name} got through and was {what} again"
            if what == "there":
                there[name] = attempt
        for there, start in self._looks:
            again = {
                name
                for what, name, attempt in notes[start:]
                if what == "sent" and attempt >= there.get(name, attempt + 1)
            }
            assert again == set(), f"{about}: in the ledger and sent again"


class NotedShop(Shop):
    """An account whose agent notes the chunks it sends (`chunks`)."""

    def __init__(self, server, bundle, controller, keys, agent):
        super().__init__(server, bundle, controller, keys, agent)
        self.chunks = Chunks(self, bundle)
