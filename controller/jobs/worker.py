"""The worker: a thread that moves on every job that is due; any number of them may run, here or elsewhere."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import sqlalchemy as sa

from controller.db import jobs
from controller.db.engine import reading
from controller.db.jobs import Job
from controller.jobs import changes, hints
from controller.jobs.advance import Mover
from controller.jobs.steps.work import Tools
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
POLL_SECONDS = 0.5
#: Jobs moved at the same time, and of one server: one that gives no answer holds up its own jobs alone.
THREADS = 16
PER_SERVER = 4
#: A job that cannot even be looked at is left alone for so long.
TROUBLE_SECONDS = 30.0


class Worker:
    """Moves due jobs on, several at a time. `clock` returns unix seconds."""

    def __init__(
        self, engine: sa.Engine, tools_for: Callable[[Job], Tools], clock: Callable[[], float] = time.time
    ) -> None:
        self._engine = engine
        self._clock = clock
        self.name = f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._mover = Mover(engine, tools_for, self.name, clock)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def advance(self, job_id: str) -> bool:
        """Move one job on as far as it goes now; False when somebody else is at it."""
        return self._mover.advance(job_id)

    def run_due(self) -> int:
        """Move every due job on, one after the other; return how many there were."""
        with reading(self._engine) as connection:
            found = jobs.due(connection, self._clock(), THREADS)
        for job_id, _server in found:
            self._advance_safely(job_id)
        return len(found)

    def start(self) -> None:
        """Begin to work in a thread."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self.run, name="worker")
        self._thread.start()

    def stop(self, seconds: float = 60.0) -> None:
        """Take nothing new up and wait for what is under way."""
        self._stopping.set()
        hints.give()
        if self._thread is not None:
            self._thread.join(seconds)

    def run(self) -> None:
        """Work until `stop`."""
        under_way: dict[str, tuple[str, Future[None]]] = {}
        with ThreadPoolExecutor(THREADS, thread_name_prefix="job") as pool:
            while not self._stopping.is_set():
                under_way = {key: found for key, found in under_way.items() if not found[1].done()}
                busy = Counter(server for server, _future in under_way.values())
                for job_id, server in self._due([name for name in busy if not _has_room(busy, name)]):
                    if job_id not in under_way and _has_room(busy, server):
                        under_way[job_id] = server, pool.submit(self._advance_safely, job_id)
                        busy[server] += 1
                hints.wait(POLL_SECONDS)

    def _due(self, without: Sequence[str]) -> Sequence[tuple[str, str]]:
        try:
            with reading(self._engine) as connection:
                return jobs.due(connection, self._clock(), THREADS, without)
        except ShoplaunchError as error:
            LOG.warning("%s: %s", error.code, error.message)
            return []

    def _advance_safely(self, job_id: str) -> None:
        """Move one job on; a failure nobody foresaw stops neither the worker nor the other jobs."""
        try:
            self._mover.advance(job_id)
        except Exception:
            LOG.exception("job %s could not be moved on", job_id)
            self._put_off(job_id)

    def _put_off(self, job_id: str) -> None:
        later = self._clock() + TROUBLE_SECONDS
        try:
            changes.change(self._engine, job_id, self._clock(), lambda _c, _job: {"wake_at": later})
        except ShoplaunchError as error:
            LOG.warning("job %s: %s: %s", job_id, error.code, error.message)


def _has_room(busy: Counter[str], server: str) -> bool:
    """Tell whether one more job of `server` may be taken up: half of the threads are for servers that have none."""
    threads = THREADS // 2 if busy[server] else THREADS
    return busy.total() < threads and busy[server] < PER_SERVER
