"""Delivers events to the controller in order, sends heartbeats, and interprets the controller's answers.

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
from shared.events import ESSENTIAL

MYPY = False
if MYPY:
    from typing import Callable

    from agent.base.log import Log
    from agent.reporting.acknowledgement import AckFile
    from agent.reporting.event_log import EventLog
    from agent.reporting.http import Answer, HttpClient
    from shared.documents import Event, Job

HEARTBEAT_SECONDS = 30
#: Least time between two progress events.
PROGRESS_SECONDS = 3.0
#: How long to wait for an answer when no request of this run got one.
UNHEARD_SECONDS = 5.0
#: Between two checks for an answer through the panel while nothing is sent.
LOOK_SECONDS = 1.0
#: Least time between two durable notes that the controller has answered.
NOTE_SECONDS = 1.0
VERDICTS = {401: "callback_refused", 410: "cancelled"}
#: The controller will never accept this event; reports of stages must not block the others.
REJECTED = (400, 413, 422)


def leave_at_once() -> None:
    """End the process without changing anything: no clean-up, no log."""
    os._exit(exit_codes.SUPERSEDED)


class Delivery:
    """Sends the waiting `events` (EventLog) to the controller of `job` (payload). `client` is an http.HttpClient; `ack`
    is an agent.reporting.acknowledgement.AckFile.

    `on_superseded` is called in the delivery's thread when the controller names a newer attempt.
    """

    def __init__(
        self,
        job: "Job",
        events: "EventLog",
        client: "HttpClient",
        log: "Log",
        ack: "AckFile | None" = None,
        on_superseded: "Callable[[], object]" = leave_at_once,
    ) -> None:
        self._callback = job["callback"]
        self._period = job.get("heartbeat_seconds", HEARTBEAT_SECONDS)
        self._events = events
        self._client = client
        self._log = log
        self._ack = ack
        self._on_superseded = on_superseded
        self._changed = events.changed
        self._backoff = Backoff()
        self._verdict: "str | None" = None
        self._stopping = False
        self._next_try = 0.0
        self._sent_percent: "int | None" = None
        self._thread: "threading.Thread | None" = None
        self._tries = 0
        self._last_answer: "Answer | None" = None

    def start(self) -> None:
        """Start the thread. Raises RuntimeError where no thread can start; it may be called again later."""
        thread = threading.Thread(target=self._run, name="delivery", daemon=True)
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

    def farewell(self, name: str) -> bool:
        """Send event `name` once without writing to the account; return whether it was acknowledged.

        Call it only after `stop`.
        """
        try:
            answer = self._post(self._events.last(name))
        except ShoplaunchError:
            return False
        return 200 <= answer.status < 300

    def wait_answered(self, seconds: float) -> None:
        """Wait until the controller has answered or a try has failed, at most `seconds`; raise like `check`.

        The wait is short when the last run could not reach the controller.
        """
        if self._events.noted().get("last_error"):
            seconds = min(seconds, UNHEARD_SECONDS)
        self.check()
        end = time.monotonic() + seconds
        with self._changed:
            while self._verdict is None and self._events.first() and self._tries == 0 and time.monotonic() < end:
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
            while self._verdict is None and self._events.waits_up_to(seq):
                self._hear_through_panel()
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, LOOK_SECONDS))
            return self._verdict is None

    def _hear_through_panel(self) -> None:
        """Read an acknowledgement that the controller has put into the account."""
        answer = self._ack.read() if self._ack is not None else None
        if answer is None:
            return
        self._log.info("the controller answers %d through the panel", answer["status"])
        if answer["status"] != ACCEPTED:
            self._note_verdict(VERDICTS[answer["status"]])
            return
        self._events.settle(answer["seq"])

    def _run(self) -> None:
        try:
            self._work()
        except ShoplaunchError as error:
            # The state now belongs to a newer attempt, which does the reporting
            self._log.info("%s: %s", error.code, error.message)
            self._note_verdict(error.code)

    def _work(self) -> None:
        next_beat = time.monotonic() + self._period
        next_progress = time.monotonic() + PROGRESS_SECONDS
        while not self._stopping and self._verdict is None:
            self._deliver()
            now = time.monotonic()
            if now >= next_beat:
                next_beat = now + self._period
                self._send_passing("heartbeat")
            elif now >= next_progress and self._sent_percent != self._events.percent and now >= self._next_try:
                next_progress = now + PROGRESS_SECONDS
                self._send_passing("progress")
            with self._changed:
                is_waiting = self._events.first() is not None
                if self._stopping or (is_waiting and time.monotonic() >= self._next_try):
                    continue
                wake = min(next_beat, max(next_progress, now + 0.5))
                if is_waiting:
                    wake = min(wake, self._next_try)
                self._changed.wait(max(0.05, wake - time.monotonic()))
        with self._changed:
            self._changed.notify_all()

    def _deliver(self) -> None:
        """Send the waiting events, oldest first, until one fails."""
        while not self._stopping and self._verdict is None and time.monotonic() >= self._next_try:
            event = self._events.first()
            if event is None or not self._send(event):
                return
            self._events.settle(event["seq"])

    def _send_passing(self, name: str) -> None:
        """Send an event once; it may be lost."""
        event = self._events.passing(name)
        if self._send(event):
            self._sent_percent = event["percent"]

    def _post(self, event: "Event") -> "Answer":
        body = json.dumps(event, sort_keys=True).encode("utf-8")
        token = {"Authorization": "Bearer " + self._callback["token"]}
        return self._client.post(self._callback["url"], body, token)

    def _send(self, event: "Event") -> bool:
        """Send `event` once; return whether it is settled."""
        try:
            answer = self._post(event)
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
        now, noted = self._events.clock(), self._events.noted()
        if noted.get("last_error") or not 0 <= now - (noted.get("last_ok_at") or 0) < NOTE_SECONDS:
            self._events.note(last_ok_at=now, last_error=None)

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
        self._events.note(last_error=reason)
