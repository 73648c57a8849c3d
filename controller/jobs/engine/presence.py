"""Signs of life in the database: what is written of every process, and those of a web server without a worker.

`restore` and `key retire` look for them.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading

import sqlalchemy as sa

from controller.db.connection import refusals
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
#: So much of its machine's name is in a process's.
HOST_CHARACTERS = 30
#: What the log calls the processes.
WEB_SERVER, WORKER = "web server", "worker"


def process_name() -> str:
    """Return a name of this process that no other has."""
    return f"{socket.gethostname()[:HOST_CHARACTERS]}:{os.getpid()}:{secrets.token_hex(4)}"


def is_gone(process: str) -> bool:
    """Return whether the process of that name (`process_name`) ran on this machine, and runs no more."""
    host, _, rest = process.rpartition(":")[0].rpartition(":")
    if host != socket.gethostname()[:HOST_CHARACTERS] or not rest.isdecimal():
        return False
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def write_sign(engine: sa.Engine, sign: workers.Sign, name: str, what: str) -> bool:
    """Write or take back the sign of the process `name`, which the log calls `what`; return False where that failed."""
    try:
        transact(engine, lambda connection: sign(connection, name))
    except ShoplaunchError as error:
        refusals.note(engine, error)
        LOG.warning("the %s's sign of life could not be written: %s: %s", what, error.code, error.message)
        return False
    except BaseException as problem:  # noqa: BLE001 - the next one may succeed
        report(f"the {what}'s sign of life could not be written", problem)
        return False
    refusals.note(engine, None)
    return True


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
            written = write_sign(self._engine, workers.beat, self._name, WEB_SERVER)
            self._stopping.wait(BEAT_SECONDS if written else FIRST_BEAT_SECONDS)
        write_sign(self._engine, workers.leave, self._name, WEB_SERVER)
