"""The signs of life of a process that only answers: `restore` and `key retire` look for them as for workers'."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading

from controller.db.connection.engine import make_engine, transact
from controller.db.machines import workers
from controller.jobs.lifecycle.emergency_log import report
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
#: Between two signs of life in the database.
BEAT_SECONDS = 10.0
#: Until the next try while none has been written yet, or writing it failed.
FIRST_BEAT_SECONDS = 0.5
#: How long the end waits until the last sign is taken back; one that stays counts for a minute.
END_SECONDS = 5.0


def process_name() -> str:
    """Return a name of this process that no other has."""
    return f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"


class Presence:
    """Notes in the database that this process, a web server without a worker, goes on."""

    def __init__(self, database_url: str) -> None:
        # A pool of its own: connections do not survive the fork of a server's process
        self._engine = make_engine(database_url)
        self._name = process_name() + workers.WEB
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._beats, name="presence", daemon=True)

    def start(self) -> None:
        """Begin, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Take the last sign back."""
        self._stopping.set()
        self._thread.join(END_SECONDS)

    def _beats(self) -> None:
        while not self._stopping.is_set():
            written = self._tried(workers.beat)
            self._stopping.wait(BEAT_SECONDS if written else FIRST_BEAT_SECONDS)
        self._tried(workers.leave)

    def _tried(self, work: workers.Sign) -> bool:
        try:
            transact(self._engine, lambda connection: work(connection, self._name))
        except ShoplaunchError as error:
            LOG.warning("the web server's sign of life could not be written: %s: %s", error.code, error.message)
            return False
        except BaseException as problem:  # noqa: BLE001 - the next one may succeed
            report("the web server's sign of life could not be written", problem)
            return False
        return True
