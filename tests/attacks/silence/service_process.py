"""`shoplaunch serve|worker` in a process of its own, with a panel or a loop in the state an attack test wants.

Called as a program: `python -m tests.attacks.silence.service_process FOLDER TRICK COMMAND...` is the command of the
installation in FOLDER, with one thing changed.
"""

import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from controller.settings.sections import EngineConfig

PROJECT = Path(__file__).parents[3]
#: What only stops a test that hangs.
SECONDS = 120


def stop_seconds(unit):
    """Return how long the least patient of those that run `unit` waits for its end before it kills it: systemd, or the
    containers' engine."""
    packaging, found = PROJECT / "packaging", []
    for file, wanted in (
        (packaging / "systemd" / f"shoplaunch-{unit}.service", r"^TimeoutStopSec=([0-9]+)$"),
        (packaging / "container" / "compose.yml", r"^  stop_grace_period: ([0-9]+)s$"),
    ):
        (seconds,) = re.findall(wanted, file.read_text(), re.MULTILINE)
        found.append(int(seconds))
    return min(found)


def _never(*_arguments, **_more):
    threading.Event().wait()


def hung_step(world):
    """The panel never answers; a file tells that it was asked."""

    def ask():
        (world.folder / "asked").touch()
        _never()

    world.panel.before["ensure_account"] = ask


def hung_request(world):
    """A request of a page waits for an answer that never comes; a file tells that it was asked."""
    from controller.web.api import monitoring

    def ask(*_about):
        (world.folder / "asked").touch()
        _never()

    monitoring.text = ask


def hung_request_and_step(world):
    """Neither a page nor the panel ever answers."""
    hung_request(world)
    hung_step(world)


def hung_loop(_world):
    """The database of due jobs never answers."""
    from controller.db import due
    from controller.jobs.engine.monitoring import watchdog

    due.servers = _never
    watchdog.LOOK_SECONDS = 0.05


def dead_loop(_world):
    """The thread of the loop ends, whatever ended it."""
    from controller.jobs.engine.monitoring import watchdog
    from controller.jobs.engine.worker import Worker

    Worker.run = lambda _worker: None
    watchdog.LOOK_SECONDS = 0.05


def failing_loop(_world):
    """Each round of the loop fails."""
    from controller.jobs.engine import worker
    from controller.jobs.engine.monitoring import watchdog

    def fail(*_about):
        raise RuntimeError("can't start new thread")

    worker.Worker._round = fail
    worker.FAILED_SECONDS = 0.01
    watchdog.LOOK_SECONDS = 0.05


def hung_chores(_world):
    """What belongs to no job waits for a disk that never answers."""
    from controller.jobs.engine.monitoring import watchdog
    from controller.jobs.intake import chores

    chores.close_bundles = _never
    watchdog.LOOK_SECONDS = 0.05
    # Looks are short here, and the machine may be slow
    watchdog.MOST_STILL = 100_000


def hung_broker(world):
    """The broker never answers, and no bound of its library ends the wait; a file tells that it was asked."""
    from controller.jobs.engine.broker.link import Link

    def ask(_link, **_more):
        (world.folder / "asked").touch()
        _never()

    Link.connection = ask
    world.config = replace(world.config, engine=EngineConfig("celery", broker_url="redis://127.0.0.1:1/"))


def hung_database(world):
    """The state database never answers any more once there is a file; another one tells that it was asked."""

    def ask(*_about):
        if (world.folder / "hangs").exists():
            (world.folder / "asked").touch()
            _never()

    sa.event.listen(sa.Engine, "before_cursor_execute", ask)


def hung_end(_world):
    """Whatever is done to end it hangs."""
    from controller.jobs.engine.worker import Worker

    Worker.stop = _never


TRICKS = {
    one.__name__: one
    for one in (
        hung_step, hung_request, hung_request_and_step, hung_loop, dead_loop, failing_loop, hung_chores, hung_broker,
        hung_database, hung_end,
    )
}  # fmt: skip


def main(folder, trick, *command):
    """Be `shoplaunch COMMAND` of the installation in `folder`."""
    from controller.cli import main as shoplaunch
    from controller.cli import serve, worker
    from controller.db.connection.engine import make_engine
    from controller.jobs.intake.installation import Installation
    from controller.jobs.intake.service import Service
    from controller.web import app
    from tests.integration.controller.mortal import Mortal

    world = Mortal(Path(folder), time.time(), 9)
    TRICKS[trick](world)

    def open_service(config):
        # Connections do not survive the fork
        engine = make_engine(f"sqlite:///{folder}/state.db")
        return Service(
            Installation(config, engine, world.keys, panel_of=lambda _config, _server: world.panel, billing=world.mail)
        )

    serve.open_service = worker.open_service = app.open_service = open_service
    # The database is the world's, not the one that the settings name
    serve.require_ready = lambda _config: None
    serve.load_config = worker.load_config = lambda: world.config
    shoplaunch(list(command))


class Process:
    """That program, started on the installation in `folder`; its words go to `log`."""

    def __init__(self, folder, trick, *command, log=None):
        self.log = log or folder / "process.log"
        environment = {**os.environ, "PYTHONPATH": str(PROJECT), "SHOPLAUNCH_HOME": str(folder / "home")}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.attacks.silence.service_process", str(folder), trick, *command],
                env=environment, stdout=log, stderr=log, cwd=PROJECT, start_new_session=True,
            )  # fmt: skip

    def output(self):
        """Return what it wrote."""
        return self.log.read_text() if self.log.is_file() else ""

    def signal(self, number):
        """Send a signal to it alone, as a service manager does first."""
        self._process.send_signal(number)

    def ended(self):
        """Wait until it ends; return its exit code. Fails when it does not."""
        try:
            return self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end: {self.output()[-3000:]}") from None

    def stopped(self, unit):
        """Stop it as the service manager stops `unit`; return its exit code, -SIGKILL where it was not gone in time."""
        import signal

        self.signal(signal.SIGTERM)
        try:
            return self._process.wait(stop_seconds(unit))
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            return self._process.wait(SECONDS)

    def remove(self):
        """End it and all its processes."""
        import signal

        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self._process.wait(SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
