"""The embedded engine: a worker whose threads move due jobs; any number of workers may run, on any machine."""

from __future__ import annotations

import functools
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager

import sqlalchemy as sa

from controller.db import due
from controller.db.connection.clock import Clock, DatabaseClock, about, at
from controller.db.connection.engine import reading
from controller.db.due import DueServer
from controller.db.jobs import Job
from controller.db.machines import workers
from controller.jobs.engine import presence, visiting
from controller.jobs.engine.capacity.servers_here import ServersHere
from controller.jobs.engine.capacity.slots import Slots
from controller.jobs.engine.capacity.thread_shares import PER_SERVER, SILENT_SECONDS, ThreadShares, Waiting
from controller.jobs.engine.chores_thread import Chores, ChoresThread
from controller.jobs.engine.drain import Drain
from controller.jobs.engine.job_runner import JobRunner
from controller.jobs.engine.local_workers import LocalWorkers
from controller.jobs.engine.monitoring.watchdog import Pulse, Watchdog, end_process
from controller.jobs.engine.port import Slot
from controller.jobs.engine.worker_options import WorkerOptions
from controller.jobs.lifecycle import due_hint
from controller.jobs.lifecycle.emergency_log import report
from controller.jobs.lifecycle.step_context import Tools
from controller.panels.calls_under_way import CALLS
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
#: Between two queries for due jobs without a hint.
POLL_SECONDS = 1.0
#: From the beginning of one look to that of the next, however many hints come; while more is due than has room, these
#: come all the time.
LEAST_SECONDS, SHORT_SECONDS = 0.2, 0.25
#: Jobs that became due so long ago are left to the worker that was hinted at no more. Each worker waits another time,
#: and a new one whenever it went ahead, so that several do not come for one job.
PATIENCE_SECONDS = (due.LATE_SECONDS, 2 * due.LATE_SECONDS)
#: The pause after a look is so many times as long as the look took: on a machine that is busy, looking would be most of
#: what a worker does.
PAUSE_PER_LOOK = 4.0
#: Pause after a round that failed.
FAILED_SECONDS = 0.5
#: A server rests so long after a drain of it that failed for a reason nobody foresaw: it would fail again at once.
RESTS_SECONDS = 5.0
#: How long extending the leases may take before the process ends.
LEASES_SECONDS = 5.0


class Worker:
    """Moves due jobs on, several at a time. `clock` is by default the database's.

    `chores` is called now and then in parallel with the jobs; its argument is a function that it calls at each
    progress. `end(why)` is called when loop or chores cannot go on; by default it ends the process.
    """

    def __init__(
        self,
        engine: sa.Engine,
        tools_for: Callable[[Job], Tools],
        clock: Clock | None = None,
        chores: Chores | None = None,
        end: Callable[[str], None] | None = None,
        options: WorkerOptions | None = None,
    ) -> None:
        self._engine = engine
        options = options or WorkerOptions()
        self._own, self._is_left = ServersHere(engine, options.own), options.is_left
        self._clock = clock = clock or DatabaseClock(engine)
        self.name = presence.process_name()
        self._local_workers = LocalWorkers(self.name, options.wakeup, engine, clock)
        self._job_runner = JobRunner(engine, tools_for, self.name, clock)
        self._slots = Slots(engine, self.name, clock)
        self._visits = visiting.Visits()
        self.drain = Drain(engine, self, self._job_runner, clock)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._beats_thread: threading.Thread | None = None
        self._pulse = Pulse()
        self._given_before = due_hint.given()
        self._end = end or end_process
        self._chores = ChoresThread(chores, self._is_left)
        self._watchdog = Watchdog(lambda: self._thread, self._pulse, self._give_up, self._chores.under_way)
        #: The drains under way; how many of a server have not claimed a job yet; server -> until when it rests.
        self._under_way: dict[object, tuple[str, threading.Thread]] = {}
        self._looking: Counter[str] = Counter()
        self._rests: dict[str, float] = {}
        self._guard = threading.Lock()
        #: The hints of the round under way.
        self._hints_taken: set[str] = set()
        #: Whether jobs were due in the last round that had no room, and whether there was none at all.
        self._is_short = self._is_full = False
        #: How long jobs are left to other workers, and whether some were.
        self._patience = _patience()
        self._leaves_some = False

    def advance(self, job_id: str) -> bool:
        """Move one job on as far as it goes now; return False when another worker holds it."""
        return self._job_runner.advance(job_id)

    def hint(self, server: str) -> None:
        """Let a worker of this machine look at the server's jobs at once."""
        self._local_workers.hint(server)

    def slot(self, server: str) -> AbstractContextManager[Slot]:
        """Yield a slot of the server to be taken; it is given back at the end."""
        return self._slots.slot(server)

    def run_due(self) -> int:
        """Move every due job on, one after the other; return how many there were."""
        if self._is_left():
            return 0
        with reading(self._engine) as connection:
            found, _breakers = due.servers(connection, at(self._clock, connection))
        return sum(self.drain(one.server) for one in found if one.server in self._own)

    def start(self) -> None:
        """Start working in a thread; a second thread watches it, a third writes signs of life."""
        # A new event for each start: threads of an earlier start may not have seen theirs yet
        self._stopping = threading.Event()
        self._local_workers.listen()
        self._thread = _thread("worker", self.run)
        self._thread.start()
        self._beats_thread = _thread("worker-beats", self._beats)
        self._beats_thread.start()
        _thread("worker-watch", self._watchdog.watch, self._stopping).start()

    def stop(self, seconds: float = 60.0) -> bool:
        """Begin nothing new and wait for what is under way; return whether all of it ended within `seconds`."""
        end = time.monotonic() + seconds
        self.ask_to_stop()
        # The loop first: it may be about to begin another job or a round of chores
        for first in (self._thread, self._beats_thread):
            if first is not None:
                first.join(max(0.0, end - time.monotonic()))
        self._local_workers.close()
        drains = [thread for _server, thread in list(self._under_way.values())]
        under_way = [self._thread, self._chores.thread, *drains, *self._visits.threads]
        for thread in under_way:
            if thread is not None:
                thread.join(max(0.0, end - time.monotonic()))
        return not any(thread is not None and thread.is_alive() for thread in under_way)

    def ask_to_stop(self) -> None:
        """Begin nothing new from now on, and keep the leases of jobs under way until no panel can still be at them."""
        self._stopping.set()
        self._slots.outlive()
        self._job_runner.outlive()
        due_hint.wake()

    def _give_up(self, why: str) -> None:
        """End the process although jobs are under way: the loop cannot go on."""
        self._slots.outlive()
        self._job_runner.outlive(LEASES_SECONDS)
        self._end(why)

    def run(self) -> None:
        """Work until `stop`. A failed round is logged, and the next one follows."""
        stopping = self._stopping
        while not stopping.is_set():
            began = time.monotonic()
            try:
                self._round()
                took = time.monotonic() - began
                self._pulse.failures = 0
                is_soon = self._leaves_some or self._is_full
                due_hint.wait(due.LATE_SECONDS if is_soon else POLL_SECONDS)
                # Hints in quick succession count as one
                pause = max(SHORT_SECONDS if self._is_short else LEAST_SECONDS, took * PAUSE_PER_LOOK)
                stopping.wait(began + min(pause, POLL_SECONDS) - time.monotonic())
            except BaseException as problem:  # noqa: BLE001 - nothing may end the loop but `stop`
                self._pulse.failures += 1
                report("a round of the worker failed", problem)
                time.sleep(FAILED_SECONDS)
            self._pulse.rounds += 1

    def _round(self) -> None:
        """Begin drains of the servers with due jobs. Raises RuntimeError when the machine has no thread left."""
        self._under_way = {key: found for key, found in list(self._under_way.items()) if found[1].is_alive()}
        if not self._is_left():
            self._own.look()
            self._local_workers.take_over()
        self._begin()
        self._chores.begin()

    def _begin(self) -> None:
        """Begin as many drains as jobs are due and have room; each server gets one before another gets its second."""
        busy = [server for server, _thread in list(self._under_way.values())]
        places = ThreadShares(busy, (), (), _waiting())
        self._is_full = places.is_full
        if self._is_full:
            # Hints stay with workers that have room; the end of a drain is the next reason to look for orders
            self._is_short = True
            if self._visits.is_look_due() and not self._is_left():
                self._begin_visits(places, self._finished())
            return
        try:
            self._begin_due(busy)
        except BaseException as problem:
            self._give_back_hints()
            if not isinstance(problem, ShoplaunchError):
                raise
            LOG.warning("%s: %s", problem.code, problem.message)
            self._is_short = False

    def _begin_due(self, busy: Iterable[str]) -> None:
        """As `_begin`, where there is room. Raises database_busy."""
        places, found = self._due(busy)
        with self._guard:
            now = time.monotonic()
            self._rests = {server: until for server, until in self._rests.items() if until > now}
            wanted = {
                one.server: one.jobs - self._looking[one.server] for one in found if one.server not in self._rests
            }
        for _ in range(PER_SERVER):
            for server in wanted:
                if wanted[server] > 0 and places.has_room(server):
                    self._begin_drain(server)
                    places.take(server)
                    wanted[server] -= 1
        self._is_short = any(number > 0 for number in wanted.values())
        self._begin_visits(places, {one.server: one.visits for one in found})

    def _begin_visits(self, places: ThreadShares, finished: Mapping[str, int]) -> None:
        """Begin to visit finished shops for which no drain has room; `finished` is server -> how many are due."""
        for server, number in finished.items():
            with self._guard:
                rests = self._rests.get(server, 0.0) > time.monotonic()
                left = 0 if rests else number - self._looking[server]
            while left > 0 and self._visits.has_room(server, places):
                with self._guard:
                    self._looking[server] += 1
                looked = _once(functools.partial(self._looked, server))
                is_stopping = functools.partial(self._ends, self._stopping)
                visit = functools.partial(self.drain, server, is_stopping, looked, orders=False)
                try:
                    self._visits.start(server, functools.partial(self._drained, server, visit, looked))
                except BaseException:
                    looked()
                    raise
                left -= 1

    def _finished(self) -> Mapping[str, int]:
        """Return server -> how many finished shops are due that this worker may begin with; {} where it cannot look."""
        hinted, alone = due_hint.known(), not self._local_workers.are_there
        try:
            with reading(self._engine) as connection:
                moment = about(self._clock, connection)
                found = visiting.look(connection, moment, lambda server: alone or server in hinted)
        except ShoplaunchError as error:
            LOG.warning("%s: %s", error.code, error.message)
            return {}
        return {server: number for server, number in found.items() if server in self._own}

    def _begin_drain(self, server: str) -> None:
        key = object()
        thread = _thread("job", self._drain_safely, key, server, functools.partial(self._ends, self._stopping))
        self._under_way[key] = server, thread
        with self._guard:
            self._looking[server] += 1
        try:
            thread.start()
        except BaseException:
            self._looked(server)
            raise

    def _ends(self, stopping: threading.Event) -> bool:
        """Return whether nothing new begins: it was asked to stop, or is of another version than the tables by now."""
        return stopping.is_set() or self._is_left()

    def _looked(self, server: str) -> None:
        """One of the server's drains has claimed its first job, or will claim none."""
        with self._guard:
            self._looking[server] -= 1
            if self._looking[server] <= 0:
                del self._looking[server]

    def _drain_safely(self, key: object, server: str, is_stopping: Callable[[], bool]) -> None:
        looked = _once(functools.partial(self._looked, server))
        moved = self._drained(server, functools.partial(self.drain, server, is_stopping, looked), looked)
        self._under_way.pop(key, None)
        # One that found no slot would look again and again
        if self._is_short and moved:
            due_hint.wake()

    def _drained(self, server: str, drain: Callable[[], int], looked: Callable[[], None]) -> int:
        """Return how many jobs the drain of the server moved, 0 of one that failed."""
        try:
            return drain()
        except ShoplaunchError as error:
            LOG.warning("%s: %s", error.code, error.message)
            due_hint.give_back([server])
        except BaseException as problem:  # noqa: BLE001 - the next round begins another drain
            report(f"the jobs of {server} could not be moved on", problem)
            with self._guard:
                self._rests[server] = time.monotonic() + RESTS_SECONDS
        finally:
            looked()
        return 0

    def _due(self, busy: Iterable[str]) -> tuple[ThreadShares, Sequence[DueServer]]:
        """Return (the places while drains of the servers `busy` are under way, the servers to begin with): all that
        have due jobs; with other workers around, those that were hinted at, and jobs that nobody has begun with for a
        while. Raises database_busy."""
        hinted = self._hints_taken = due_hint.taken()
        self._pass_on(hinted)
        places, found = self._look(busy)
        found = self._own.among(found, hinted)
        if due_hint.EVERY in hinted or not found or not self._local_workers.are_there:
            self._leaves_some = False
            return places, found
        begun = [one if one.server in hinted else one.left_by_others() for one in found]
        self._leaves_some = sum(one.jobs for one in begun) < sum(one.jobs for one in found)
        if any(one.jobs and one.server not in hinted for one in begun):
            self._patience = _patience()
        return places, [one for one in begun if one.jobs or one.visits]

    def _give_back_hints(self) -> None:
        """Keep the hints of a round that could not begin with them, for the next one."""
        due_hint.give_back(self._hints_taken)

    def _pass_on(self, hinted: Collection[str]) -> None:
        """Let this machine's other workers look where a hint is for a server that is not one's own, or this worker is
        of another version than the tables by now."""
        named = [server for server in hinted if server != due_hint.EVERY]
        if named and (self._is_left() or any(server not in self._own and self._own.leaves(server) for server in named)):
            # Which worker serves them is not known here
            self._local_workers.notify()

    def _look(self, busy: Iterable[str]) -> tuple[ThreadShares, Sequence[DueServer]]:
        """Return (the places while drains of the servers `busy` are under way, the servers with due jobs). Raises
        database_busy."""
        calls = _waiting()
        if self._is_left():
            return ThreadShares(busy, (), (), calls), []
        with reading(self._engine) as connection:
            moment = about(self._clock, connection)
            found, known = due.servers(connection, moment, self._patience)
            found = visiting.with_slots(connection, moment, found)
        opened = [one.server for one in known if one.is_open]
        return ThreadShares(busy, [one.server for one in known], opened, calls), found

    def _beats(self) -> None:
        """Write a sign of life while the loop makes rounds; the last one stays for a worker that is restarted."""
        seen, chores_seen, stopping = 0, -1, self._stopping
        while not stopping.is_set():
            rounds, moved = self._pulse.rounds, self._chores.pulse.rounds
            go_on = self._chores.are_given and (self._chores.under_way() is None or moved != chores_seen)
            sign = functools.partial(workers.beat, chores=go_on, counted=self._counted(), heard=self._heard())
            # A worker that begins nothing must not appear as one that does
            written = rounds != seen and not self._is_left() and self._write(sign)
            seen, chores_seen = (rounds, moved) if written else (seen, chores_seen)
            stopping.wait(presence.BEAT_SECONDS if written else presence.FIRST_BEAT_SECONDS)
        # Two workers that end first may both insert the row
        if not self._write(workers.end):
            self._write(workers.end)

    def _counted(self) -> workers.Counted:
        tally = self.drain.tally
        hints = due_hint.given() - self._given_before
        return workers.Counted(tally.claims, tally.missed, hints, self._own.text)

    def _heard(self) -> workers.Heard | None:
        """Return what the worker has heard of a broker, None without one."""
        return None

    def _write(self, sign: workers.Sign) -> bool:
        return presence.write_sign(self._engine, sign, self.name, presence.WORKER)


def _patience() -> float:
    return random.uniform(*PATIENCE_SECONDS)  # noqa: S311 - workers take turns


def _waiting() -> Waiting:
    """Return the calls of this process that are not answered."""
    silent, accounts_hang = CALLS.silent(SILENT_SECONDS), CALLS.accounts_hang(SILENT_SECONDS)
    return Waiting(silent, accounts_hang, CALLS.waiting(SILENT_SECONDS))


def _thread(name: str, work: Callable[..., None], *given: object) -> threading.Thread:
    """Return a daemon thread: it keeps no process from ending."""
    return threading.Thread(target=work, args=given, name=name, daemon=True)


def _once(work: Callable[[], None]) -> Callable[[], None]:
    """Return a function that does the work when it is called first, by one thread."""
    left = [work]
    return lambda: left.pop()() if left else None
