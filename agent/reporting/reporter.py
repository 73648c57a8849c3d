"""Reports to the controller: delivers the outbox in order, sends heartbeats, and interprets the controller's answers.

A thread of its own delivers and sends heartbeats, so that a slow controller does not delay the work, and long work does
not delay the heartbeats. Where the controller cannot be reached, its answer may come through the panel
(`acknowledgement`). 409: a newer attempt exists; the process ends at once and changes nothing. 410: cancelled. 401: the
token is not valid (any longer). Other statuses except 2xx are retried; an event that no retry can deliver is dropped
and logged.
"""

import json
import os
import threading
import time

from agent.base import exit_codes
from agent.reporting.http import DEADLINE_SECONDS, Backoff
from shared.ack import ACCEPTED
from shared.errors import ShoplaunchError
from shared.events import ESSENTIAL, MAX_KEPT_SEQ, PERCENT_AFTER, SMALL_PERCENT_AFTER, STAGES, fitted, make_event
from shared.job import RESTORE

MYPY = False
if MYPY:
    from typing import Any, Callable

    from agent.base.log import Log
    from agent.base.protocols import Touched
    from agent.base.state import State
    from agent.reporting.acknowledgement import AckFile
    from agent.reporting.http import Answer, HttpClient
    from agent.reporting.outbox import Outbox
    from shared.documents import Event, Job

HEARTBEAT_SECONDS = 30
#: Least time between two progress events.
PROGRESS_SECONDS = 3.0
#: How long to wait for an answer when no request of this run got one.
UNHEARD_SECONDS = 5.0
#: Between two checks for an answer through the panel while the reporter is idle.
LOOK_SECONDS = 1.0
#: Least time between two durable notes of progress.
NOTE_SECONDS = 1.0
VERDICTS = {401: "callback_refused", 410: "cancelled"}
#: The controller will never accept this event; reports of stages must not block the others.
REJECTED = (400, 413, 422)


def weights(kind: str = RESTORE) -> "dict[str, int]":
    """Return stage -> its percentage of the whole job of `kind`; they add up to 100."""
    before = 0
    result = {}
    after = PERCENT_AFTER if kind == RESTORE else SMALL_PERCENT_AFTER
    for stage in STAGES:
        result[stage] = after.get(stage, before) - before
        before = after.get(stage, before)
    return result


def leave_at_once() -> None:
    """End the process without changing anything: no clean-up, no log."""
    os._exit(exit_codes.SUPERSEDED)


class Reporter:
    """Reports one attempt of `job` (payload). `door` is an http.HttpClient; `lock` records progress; `ack` is an
    agent.reporting.acknowledgement.AckFile.

    `on_superseded` is called in the reporter's thread when the controller names a newer attempt.
    """

    def __init__(
        self,
        job: "Job",
        state: "State",
        outbox: "Outbox",
        door: "HttpClient",
        log: "Log",
        lock: "Touched | None" = None,
        ack: "AckFile | None" = None,
        on_superseded: "Callable[[], object]" = leave_at_once,
        clock: "Callable[[], float]" = time.time,
    ) -> None:
        self._job = job
        self._state = state
        self._outbox = outbox
        self._door = door
        self._log = log
        self._lock = lock
        self._ack = ack
        self._on_superseded = on_superseded
        self._clock = clock
        self._changed = threading.Condition()
        self._backoff = Backoff()
        self._weights = weights(job["kind"])
        self._fractions = {stage: 1.0 for stage in STAGES if state.stage_done(stage)}
        #: The stage started last among the running ones, which are kept in the order of their start.
        self._stage: "str | None" = None
        self._running: "list[str]" = []
        self._verdict: "str | None" = None
        self._stopping = False
        self._next_try = 0.0
        self._noted = 0.0
        self._told_percent: "int | None" = None
        self._thread: "threading.Thread | None" = None
        self._tries = 0
        self._last_answer: "Answer | None" = None
        self._seq = self._resume_numbers()

    def _resume_numbers(self) -> int:
        """Return the last sequence number this attempt used; numbers restart with every attempt."""
        own = {"job": self._job["job"], "attempt": self._job["attempt"]}
        known = self._state.get("callback", {})
        if {name: known.get(name) for name in own} != own:
            known = dict(own, seq=0)
            self._state.note(callback=known)
        return max(int(known["seq"]), self._outbox.last_seq())

    def start(self) -> None:
        """Start the thread. Raises RuntimeError where no thread can start; it may be called again later."""
        thread = threading.Thread(target=self._run, name="reporter", daemon=True)
        thread.start()
        self._thread = thread

    def stop(self) -> None:
        """Stop delivering; waiting events stay in the outbox."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(DEADLINE_SECONDS)

    def check(self) -> None:
        """Raise ShoplaunchError `cancelled` or `callback_refused` when the controller said so."""
        self._hear_through_panel()
        if self._verdict is not None:
            raise ShoplaunchError(self._verdict, "the controller said so")

    def controller_clock(self) -> "float | None":
        """Return the controller's clock from its last answer (unix seconds), None when there was none."""
        return None if self._last_answer is None else self._last_answer.date()

    @property
    def percent(self) -> int:
        """Return the percentage of the whole that is done, 0..100."""
        fractions = list(self._fractions.items())
        return int(sum(self._weights[stage] * part for stage, part in fractions) + 1e-9)

    def _hear_through_panel(self) -> None:
        """Read an acknowledgement that the controller has put into the account."""
        answer = self._ack.read() if self._ack is not None else None
        if answer is None:
            return
        self._log.info("the controller answers %d through the panel", answer["status"])
        if answer["status"] != ACCEPTED:
            self._note_verdict(VERDICTS[answer["status"]])
            return
        with self._changed:
            self._outbox.settle(answer["seq"])
            self._changed.notify_all()

    def next_number(self) -> int:
        """Reserve and return an event number; the caller reports the event once the state holding it is written."""
        with self._changed:
            self._seq += 1
            self._state.note_in("callback", seq=self._seq)
            return self._seq

    def event(self, name: str, number: "int | None" = None, **fields: "Any") -> "Event":
        """Report event `name` (of shared.events.STORED) with the optional `fields` of its schema; return it.

        `number` is from `next_number`.
        """
        with self._changed:
            # Reserved first: the controller would ignore a repeated number
            if number is None and not self._note_callback(seq=self.next_number()):
                # The next run will not know this number: beyond MAX_KEPT_SEQ none counts as a repetition
                self._seq = max(self._seq, MAX_KEPT_SEQ + 1)
            fields.setdefault("percent", self.percent)
            fields.setdefault("stage", self._stage)
            event = make_event(
                self._job["job"], self._job["attempt"], number or self._seq, name, self._clock(), **fields
            )
            event = fitted(event)
            self._outbox.append(event)
            self._changed.notify_all()
            return event

    def waits(self, name: str) -> bool:
        """Return whether an event `name` waits in the outbox."""
        with self._changed:
            return self._outbox.has(name)

    def is_kept(self, event: "Event") -> bool:
        """Return whether `event`, which `event()` returned, is stored on disk, so that the next run can send it."""
        with self._changed:
            return self._outbox.is_kept(event["seq"])

    def farewell(self, name: str) -> bool:
        """Send event `name` once without writing to the account; return whether it was acknowledged.

        Call it only after `stop`.
        """
        event = make_event(self._job["job"], self._job["attempt"], self._seq + 1, name, self._clock(), percent=100)
        body = json.dumps(event, sort_keys=True).encode("utf-8")
        callback = self._job["callback"]
        try:
            answer = self._door.post(callback["url"], body, {"Authorization": "Bearer " + callback["token"]})
        except ShoplaunchError:
            return False
        return 200 <= answer.status < 300

    def progress(self, stage: str, fraction: float) -> None:
        """Report that `fraction` (0..1) of `stage` is done; noted in state and lock at most once a second."""
        with self._changed:
            self._fractions[stage] = max(0.0, min(1.0, fraction))
            now = time.monotonic()
            if now - self._noted < NOTE_SECONDS:
                return
            self._noted = now
        if self._lock is not None:
            self._lock.touch()
        self._state.update(percent=self.percent, progress_at=self._clock())

    def stage_started(self, stage: str, number: int) -> None:
        """Report that `stage` begins, with the number from `next_number`."""
        with self._changed:
            beside = [name for name in self._running if name != stage]
            self._stage, self._running = stage, [*beside, stage]
            fractions = {name: self._fractions.get(name, 0.0) for name in beside}
            fractions.update((name, 1.0) for name in STAGES if self._state.stage_done(name))
            self._fractions = fractions
        self.event("stage_started", number, stage=stage)

    def stage_ended(self, stage: str) -> None:
        """Count `stage` as done from now on; written with the next note."""
        with self._changed:
            self._fractions[stage] = 1.0
            self._running = [name for name in self._running if name != stage]
            if self._running:
                self._stage = self._running[-1]
        if self._lock is not None:
            self._lock.touch()
        self._state.note(percent=self.percent, progress_at=self._clock())

    def stage_finished(self, stage: str, number: int, seconds: float, **more: "Any") -> None:
        """Report that `stage` has ended after `seconds` in total, with the number from `next_number`."""
        self.event("stage_finished", number, stage=stage, seconds=seconds, **more)

    def wait_answered(self, seconds: float) -> None:
        """Wait until the controller has answered or a try has failed, at most `seconds`; raise like `check`.

        The wait is short when the last run could not reach the controller.
        """
        if self._state.get("callback", {}).get("last_error"):
            seconds = min(seconds, UNHEARD_SECONDS)
        self.check()
        end = time.monotonic() + seconds
        with self._changed:
            while self._verdict is None and len(self._outbox) and self._tries == 0 and time.monotonic() < end:
                self._changed.wait(max(0.0, end - time.monotonic()))
        self.check()

    def wait_delivered(self, seconds: float, seq: "int | None" = None) -> bool:
        """Wait until every event (up to number `seq`) is acknowledged, through HTTP or the panel; return False after
        `seconds` or a verdict of the controller."""
        if self._tries and self._last_answer is None:
            # No answer at all; the next tick can read an acknowledgement through the panel as well
            seconds = min(seconds, UNHEARD_SECONDS)
        end = time.monotonic() + seconds
        with self._changed:
            self._next_try = 0.0
            self._changed.notify_all()
            while self._verdict is None and self._outbox.waits_up_to(self._seq if seq is None else seq):
                self._hear_through_panel()
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, LOOK_SECONDS))
            return self._verdict is None

    def _run(self) -> None:
        try:
            self._work()
        except ShoplaunchError as error:
            # The state now belongs to a newer attempt, which does the reporting
            self._log.info("%s: %s", error.code, error.message)
            self._note_verdict(error.code)

    def _work(self) -> None:
        period = self._job.get("heartbeat_seconds", HEARTBEAT_SECONDS)
        next_beat = time.monotonic() + period
        next_progress = time.monotonic() + PROGRESS_SECONDS
        while not self._stopping and self._verdict is None:
            self._deliver()
            now = time.monotonic()
            if now >= next_beat:
                next_beat = now + period
                self._tell("heartbeat")
            elif now >= next_progress and self._told_percent != self.percent and now >= self._next_try:
                next_progress = now + PROGRESS_SECONDS
                self._tell("progress")
            with self._changed:
                if self._stopping or (len(self._outbox) and time.monotonic() >= self._next_try):
                    continue
                wake = min(next_beat, max(next_progress, now + 0.5))
                if len(self._outbox):
                    wake = min(wake, self._next_try)
                self._changed.wait(max(0.05, wake - time.monotonic()))
        with self._changed:
            self._changed.notify_all()

    def _deliver(self) -> None:
        """Send the waiting events, oldest first, until one fails."""
        while not self._stopping and self._verdict is None and time.monotonic() >= self._next_try:
            with self._changed:
                event = self._outbox.first()
            if event is None or not self._send(event):
                return
            with self._changed:
                self._outbox.settle(event["seq"])
                self._changed.notify_all()

    def _tell(self, name: str) -> None:
        """Send an event once; it may be lost."""
        percent = self.percent
        event = make_event(
            self._job["job"], self._job["attempt"], 0, name, self._clock(), stage=self._stage, percent=percent
        )
        if self._send(event):
            self._told_percent = percent

    def _send(self, event: "Event") -> bool:
        """Send `event` once; return whether it is settled."""
        callback = self._job["callback"]
        body = json.dumps(event, sort_keys=True).encode("utf-8")
        try:
            answer = self._door.post(callback["url"], body, {"Authorization": "Bearer " + callback["token"]})
        except ShoplaunchError as error:
            self._failed(event, "{}: {}".format(error.code, error.message), None)
            return False
        self._last_answer = answer
        if 200 <= answer.status < 300:
            self._backoff.reset()
            self._heard()
            return True
        if answer.status == 409:
            self._on_superseded()
        if answer.status == 409 or answer.status in VERDICTS:
            self._note_verdict(VERDICTS.get(answer.status, "superseded"))
            return False
        if answer.status in REJECTED and event["event"] not in ESSENTIAL:
            self._log.info("the controller rejected event %s with %d; dropped", event["event"], answer.status)
            return True
        self._failed(event, "the controller answered {}".format(answer.status), answer.retry_after())
        return False

    def _heard(self) -> None:
        """Note that the controller has answered, at most once a second."""
        known, now = self._state.get("callback", {}), self._clock()
        if known.get("last_error") or not 0 <= now - known.get("last_ok_at", 0) < NOTE_SECONDS:
            self._note_callback(last_ok_at=now, last_error=None)

    def _note_verdict(self, verdict: str) -> None:
        with self._changed:
            self._verdict = verdict
            self._changed.notify_all()

    def _failed(self, event: "Event", reason: str, retry_after: "float | None") -> None:
        if event["seq"]:
            with self._changed:
                self._next_try = time.monotonic() + self._backoff.next_delay(retry_after)
                self._tries += 1
                self._changed.notify_all()
        self._log.info("event %s was not delivered: %s", event["event"], reason)
        self._note_callback(last_error=reason)

    def _note_callback(self, **fields: "Any") -> bool:
        """Note `fields` of the reports in the state; return whether they could be written."""
        try:
            self._state.merge("callback", waiting=len(self._outbox), **fields)
        except OSError as error:
            # A full disk stops the work where it writes, with its own code; reporting must continue
            self._log.info("the state cannot be written: %s", error.strerror)
            return False
        return True
