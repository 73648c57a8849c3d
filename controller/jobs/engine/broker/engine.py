"""The engine on many machines: hints come through a broker, and every worker looks by itself what is due."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable, Sequence

from controller.db.due import DueServer
from controller.db.machines.workers import Counted, Heard
from controller.jobs.engine.broker import link, messages
from controller.jobs.engine.broker.listener import Listener
from controller.jobs.engine.broker.publisher import BrokerHints
from controller.jobs.engine.capacity.thread_shares import ThreadShares
from controller.jobs.engine.engine_context import EngineContext
from controller.jobs.engine.port import Hints
from controller.jobs.engine.worker import Worker
from controller.jobs.engine.worker_options import WorkerOptions
from controller.jobs.lifecycle import due_hint
from controller.jobs.lifecycle.wakeup import Wakeup
from controller.settings.sections import Config

#: Between two queries for all servers while hints arrive; without hints, each round asks for all.
SWEEP_SECONDS = 2.0
#: Hints that are kept in mind; what is more is found by the next look at all.
MOST_HINTED = 10_000


def hints(config: Config) -> Hints:
    """Return what passes on hints. Raises config_invalid."""
    return BrokerHints(link.of(config.engine), Wakeup(config.wakeups))


class CeleryEngine(Worker):
    """A worker that begins with the servers it gets hints for. What no hint came for is begun when it was due at two
    looks in a row: a hint for it was lost, or its time has come. What a killed worker left is begun at the first."""

    def __init__(self, context: EngineContext) -> None:
        wakeup = Wakeup(context.config.wakeups)
        super().__init__(
            context.database,
            context.tools_for,
            context.clock,
            context.chores,
            context.end,
            WorkerOptions(wakeup, context.own, context.is_left),
        )
        broker = link.of(context.config.engine)
        self._hints = BrokerHints(broker, wakeup)
        self.listener = Listener(broker, self.hinted, self._has_room, self._take_foreign)
        self._hinted: set[str] = set()
        self._hinted_guard = threading.Lock()
        #: The broker's hints of the round under way.
        self._broker_hints_taken: set[str] = set()
        #: Servers of other workers, whose hints are passed on in the next round: how often they were before.
        self._foreign: dict[str, int] = {}
        #: Servers that this worker has begun with, and that were due at the last look at all.
        self._begun: set[str] = set()
        self._seen: set[str] = set()
        self._sweep_at = 0.0

    def hint(self, server: str) -> None:
        """Let a worker of any machine look at the server's jobs soon."""
        self._hints.hint(server)

    def hinted(self, server: str) -> None:
        """Look at the server's jobs now. A name that no server has costs a query."""
        with self._hinted_guard:
            if len(self._hinted) < MOST_HINTED:
                self._hinted.add(server)
        due_hint.wake()

    def _has_room(self) -> bool:
        return not self._is_short and not self._is_left()

    def _take_foreign(self, server: str, passed: int) -> bool:
        """Pass the hint on in the next round if the server is not one's own, or another version works here by now;
        return whether that is so."""
        if self._stopping.is_set():
            # No round follows: what came in the last wait for messages is the others'
            self._hints.pass_on(server, passed + 1)
            return True
        if not self._own.leaves(server) and not self._is_left():
            return False
        with self._hinted_guard:
            if passed < messages.MOST_PASSED and len(self._foreign) < MOST_HINTED:
                self._foreign[server] = min(passed, self._foreign.get(server, passed))
        due_hint.wake()
        return True

    def _round(self) -> None:
        with self._hinted_guard:
            foreign, self._foreign = self._foreign, {}
        for server, passed in foreign.items():
            self._hints.pass_on(server, passed + 1)
        super()._round()

    def run(self) -> None:
        """Work until `stop`, and hear the broker meanwhile."""
        stopping = self._stopping
        self.listener.start()
        try:
            super().run()
        finally:
            # Also where it was asked to stop before it began; a later start listens on
            if stopping is self._stopping:
                self.listener.ask_to_stop()

    def ask_to_stop(self) -> None:
        """Begin nothing new from now on, and leave hints to others."""
        self.listener.ask_to_stop()
        super().ask_to_stop()

    def _counted(self) -> Counted:
        counted = super()._counted()
        return counted._replace(hints=counted.hints + self.listener.counts["hints"])

    def _heard(self) -> Heard:
        return Heard(self.listener.silence, self.listener.counts["hints"], self.listener.counts["ignored"])

    def _give_back_hints(self) -> None:
        super()._give_back_hints()
        with self._hinted_guard:
            # Of names that strangers sent no more than before
            self._hinted |= self._broker_hints_taken if len(self._hinted) < MOST_HINTED else set()

    def _due(self, busy: Iterable[str]) -> tuple[ThreadShares, Sequence[DueServer]]:
        # Of this machine: what the broker did not take, and what a killed worker left
        near = self._hints_taken = due_hint.taken()
        self._pass_on(near)
        with self._hinted_guard:
            hinted = self._broker_hints_taken = self._hinted
            self._hinted = set()
        wanted = hinted | self._begun | near
        hears, now = self.listener.is_healthy, time.monotonic()
        takes_all = not hears or due_hint.EVERY in near
        sweeps = takes_all or now >= self._sweep_at
        if not wanted and not sweeps:
            return ThreadShares(busy, (), ()), []
        places, found = self._look(busy)
        if sweeps:
            names = {one.server for one in found}
            # For what a killed worker left no hint is on its way
            wanted |= names if takes_all else names & self._seen | {one.server for one in found if one.left}
            self._seen = names
            self._sweep_at = now + SWEEP_SECONDS * random.uniform(0.75, 1.25)  # noqa: S311 - workers take turns
        mine = self._own.among([one for one in found if one.server in wanted], hinted | near)
        for server in hinted & {one.server for one in found}:
            # Whose it is was not known when the hint came
            if self._own.leaves(server):
                self._hints.pass_on(server, 1)
        self._begun = {one.server for one in mine}
        return places, mine
