"""`shoplaunch serve|worker`: the service."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType

import click

from controller.cli.output import errors_shown
from controller.config import load_config
from controller.jobs.service import open_service
from controller.web.server import Server

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    group.add_command(serve)
    group.add_command(worker)


def _log() -> None:
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    # Every migration look-up would be two lines
    logging.getLogger("alembic").setLevel(logging.WARNING)


@click.command()
@click.option("--bind", metavar="HOST:PORT", help="Where to listen; default: what the settings say.")
@click.option("--no-worker", is_flag=True, help="Only the web; `shoplaunch worker` runs elsewhere.")
@errors_shown
def serve(bind: str | None, no_worker: bool) -> None:
    """Run the web server, and the worker beside it."""
    _log()
    config = load_config()
    # Said before the server starts, whose own workers would only end again and again
    open_service(config)
    Server(config, bind or config.bind, with_worker=not no_worker).run()


@click.command()
@errors_shown
def worker() -> None:
    """Move jobs on until told to stop; any number of these may run."""
    _log()
    running = open_service(load_config()).worker()
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    running.start()
    stopped.wait()
    running.stop()
