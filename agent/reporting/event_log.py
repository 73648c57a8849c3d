"""The events of one attempt: what is noted of its stages, numbered and in order, kept until it is acknowledged."""

import threading
import time

from shared.events import FOLLOW_UP_PERCENT_AFTER, MAX_KEPT_SEQ, PERCENT_AFTER, STAGES, fitted, make_event
from shared.job import RESTORE

MYPY = False
if MYPY:
    from typing import Any, Callable, Iterable

    from agent.base.log import Log
    from agent.base.protocols import Touched
    from agent.base.state import State
    from agent.base.state_fields import Reports, Unpack
    from agent.reporting.outbox import Outbox
    from shared.documents import Event, Job

#: Least time between two durable notes of progress.
NOTE_SECONDS = 1.0


def weights(kind: str = RESTORE) -> "dict[str, int]":
    """Return stage -> its percentage of the whole job of `kind`; they add up to 100."""
    before = 0
    result = {}
    after = PERCENT_AFTER if kind == RESTORE else FOLLOW_UP_PERCENT_AFTER
    for stage in STAGES:
        result[stage] = after.get(stage, before) - before
        before = after.get(stage, before)
    return result


class StageProgress:
    """How far a job of `kind` is whose stages `done` are done already."""

    def __init__(self, kind: str, done: "Iterable[str]") -> None:
        self._weights = weights(kind)
        self._fractions = {stage: 1.0 for stage in done}
        #: The stage started last among the running ones, which are kept in the order of their start.
        self.stage: "str | None" = None
        self._running: "list[str]" = []

    @property
    def percent(self) -> int:
        """Return the percentage of the whole that is done, 0..100."""
        fractions = list(self._fractions.items())
        return int(sum(self._weights[stage] * part for stage, part in fractions) + 1e-9)

    def reach(self, stage: str, fraction: float) -> None:
        """Note that `fraction` (0..1) of `stage` is done."""
        self._fractions[stage] = max(0.0, min(1.0, fraction))

    def begin(self, stage: str, done: "Iterable[str]") -> None:
        """Note that `stage` begins, now that the stages `done` are done."""
        others = [name for name in self._running if name != stage]
        self.stage, self._running = stage, [*others, stage]
        fractions = {name: self._fractions.get(name, 0.0) for name in others}
        fractions.update((name, 1.0) for name in done)
        self._fractions = fractions

    def end(self, stage: str) -> None:
        """Note that `stage` is done."""
        self._fractions[stage] = 1.0
        self._running = [name for name in self._running if name != stage]
        if self._running:
            self.stage = self._running[-1]


class EventLog:
    """The events of one attempt of `job` (payload), which wait in `outbox`; `lock` records progress.

    Safe to use from several threads. `changed` (threading.Condition) is notified of every change; its holder may call
    everything here.
    """

    def __init__(
        self,
        job: "Job",
        state: "State",
        outbox: "Outbox",
        log: "Log",
        lock: "Touched | None" = None,
        clock: "Callable[[], float]" = time.time,
    ) -> None:
        self._job = job
        self._state = state
        self._outbox = outbox
        self._log = log
        self._lock = lock
        self.clock = clock
        self.changed = threading.Condition()
        self._progress = StageProgress(job["kind"], self._stages_done())
        self._noted = 0.0
        self._seq = self._resume_numbers()

    def _stages_done(self) -> "list[str]":
        return [stage for stage in STAGES if self._state.stage_done(stage)]

    def _resume_numbers(self) -> int:
        """Return the last sequence number this attempt used; numbers restart with every attempt."""
        job, attempt = self._job["job"], self._job["attempt"]
        known = self._state.data.get("callback", {})
        if (known.get("job"), known.get("attempt")) != (job, attempt):
            known = {"job": job, "attempt": attempt, "seq": 0}
            self._state.note(callback=known)
        return max(int(known["seq"]), self._outbox.last_seq())

    @property
    def percent(self) -> int:
        """Return the percentage of the whole that is done, 0..100."""
        return self._progress.percent

    def next_number(self) -> int:
        """Reserve and return an event number; the caller reports the event once the state holding it is written."""
        with self.changed:
            self._seq += 1
            self._state.note_in("callback", seq=self._seq)
            return self._seq

    def event(self, name: str, number: "int | None" = None, **fields: "Any") -> "Event":
        """Report event `name` (of shared.events.STORED) with the optional `fields` of its schema; return it.

        `number` is from `next_number`.
        """
        with self.changed:
            # Reserved first: the controller would ignore a repeated number
            if number is None and not self.note(seq=self.next_number()):
                # The next run will not know this number: beyond MAX_KEPT_SEQ none counts as a repetition
                self._seq = max(self._seq, MAX_KEPT_SEQ + 1)
            fields.setdefault("percent", self.percent)
            fields.setdefault("stage", self._progress.stage)
            event = fitted(self._made(number or self._seq, name, fields))
            self._outbox.append(event)
            self.changed.notify_all()
            return event

    def passing(self, name: str) -> "Event":
        """Return an event `name` that does not wait: it is sent once and may be lost."""
        return self._made(0, name, {"stage": self._progress.stage, "percent": self.percent})

    def last(self, name: str) -> "Event":
        """Return the event `name` after all others, of which nothing is written to the account."""
        return self._made(self._seq + 1, name, {"percent": 100})

    def _made(self, number: int, name: str, fields: "dict[str, object]") -> "Event":
        return make_event(self._job["job"], self._job["attempt"], number, name, self.clock(), **fields)

    def waits(self, name: str) -> bool:
        """Return whether an event `name` waits in the outbox."""
        with self.changed:
            return self._outbox.has(name)

    def is_kept(self, event: "Event") -> bool:
        """Return whether `event`, which `event()` returned, is stored on disk, so that the next run can send it."""
        with self.changed:
            return self._outbox.is_kept(event["seq"])

    def first(self) -> "Event | None":
        """Return the oldest waiting event, None when none waits."""
        with self.changed:
            return self._outbox.first()

    def waits_up_to(self, seq: "int | None" = None) -> bool:
        """Return whether an event waits that has a number up to `seq` (None: any number so far)."""
        with self.changed:
            return self._outbox.waits_up_to(self._seq if seq is None else seq)

    def settle(self, seq: int) -> None:
        """Remove the events up to number `seq`, which are acknowledged."""
        with self.changed:
            self._outbox.settle(seq)
            self.changed.notify_all()

    def progress(self, stage: str, fraction: float) -> None:
        """Report that `fraction` (0..1) of `stage` is done; noted in state and lock at most once a second."""
        with self.changed:
            self._progress.reach(stage, fraction)
            now = time.monotonic()
            if now - self._noted < NOTE_SECONDS:
                return
            self._noted = now
        if self._lock is not None:
            self._lock.touch()
        self._state.update(percent=self.percent, progress_at=self.clock())

    def stage_started(self, stage: str, number: int) -> None:
        """Report that `stage` begins, with the number from `next_number`."""
        with self.changed:
            self._progress.begin(stage, self._stages_done())
        self.event("stage_started", number, stage=stage)

    def stage_ended(self, stage: str) -> None:
        """Count `stage` as done from now on; written with the next note."""
        with self.changed:
            self._progress.end(stage)
        if self._lock is not None:
            self._lock.touch()
        self._state.note(percent=self.percent, progress_at=self.clock())

    def stage_finished(self, stage: str, number: int, seconds: float, **more: "object") -> None:
        """Report that `stage` has ended after `seconds` in total, with the number from `next_number`."""
        self.event("stage_finished", number, stage=stage, seconds=seconds, **more)

    def noted(self) -> "Reports":
        """Return what is noted of the reports in the state."""
        return self._state.data.get("callback", {})

    def note(self, **fields: "Unpack[Reports]") -> bool:
        """Note `fields` of the reports in the state; return whether they could be written."""
        try:
            fields["waiting"] = len(self._outbox)
            self._state.merge("callback", **fields)
        except OSError as error:
            # A full disk stops the work where it writes, with its own code; reporting must continue
            self._log.info("the state cannot be written: %s", error.strerror)
            return False
        return True
