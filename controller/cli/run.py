"""`shoplaunch serve|worker`: the web server, and the worker beside it or alone."""

from __future__ import annotations

import logging
import re
import signal
import threading
from types import FrameType
from typing import Any

import click
from flask import Flask
from gunicorn.app.base import BaseApplication

from controller.cli.output import errors_shown
from controller.config import Config, load_config
from controller.jobs.service import open_service
from controller.jobs.worker import Worker
from controller.web.app import create_app
from shared.errors import ShoplaunchError

THREADS = 24
#: A request takes milliseconds; a stuck one must not keep the process from ending.
GRACEFUL_SECONDS = 20
#: How long steps under way are waited for at the end; whatever is cut off is done again by the next worker.
WORKER_SECONDS = 20.0
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})\Z|unix:/.+\Z")
_LAST_PORT = 65535


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    group.add_command(serve)
    group.add_command(worker)


class _Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn with one process of several threads; the worker starts in that process once it is there."""

    def __init__(self, config: Config, bind: str, with_worker: bool) -> None:
        self._config = config
        self._bind = bind
        self._with_worker = with_worker
        self._worker: Worker | None = None
        super().__init__()

    def load_config(self) -> None:
        settings = {
            "bind": self._bind,
            "workers": 1,
            "threads": THREADS,
            "worker_class": "gthread",
            "graceful_timeout": GRACEFUL_SECONDS,
            # An agent's event may wait for a lock of the database
            "timeout": 120,
            # Bearer tokens and status tokens are never logged: no access log
            "accesslog": None,
            "errorlog": "-",
            "control_socket_disable": True,
            "post_worker_init": self._begin,
            "worker_exit": self._end,
        }
        for name, value in settings.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_app(self._config)

    def _begin(self, _process: Any) -> None:
        if self._with_worker:
            # Its own engine: connections do not survive the fork
            self._worker = open_service(self._config).worker()
            self._worker.start()

    def _end(self, _server: Any, _process: Any) -> None:
        if self._worker is not None:
            self._worker.stop(WORKER_SECONDS)


def _is_address(text: str) -> bool:
    found = _ADDRESS.match(text)
    return found is not None and (found["port"] is None or int(found["port"]) <= _LAST_PORT)


def _checked_address(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _is_address(value):
        raise click.BadParameter("give HOST:PORT, such as 127.0.0.1:8000")
    return value


@click.command()
@click.option(
    "--bind",
    metavar="HOST:PORT",
    callback=_checked_address,
    help="Where to listen; default: `bind` of the configuration.",
)
@click.option("--no-worker", is_flag=True, help="Only the web server; run `shoplaunch worker` elsewhere.")
@errors_shown
def serve(bind: str | None, no_worker: bool) -> None:
    """Serve orders, agents and operators, and work on the jobs."""
    _log()
    config = load_config()
    if not _is_address(config.bind):
        raise ShoplaunchError("config_invalid", f"bind is not HOST:PORT: {config.bind[:80]!r}")
    # Fails here, with advice, instead of in a child that is started again and again
    open_service(config).engine.dispose()
    _Server(config, bind or config.bind, not no_worker).run()


@click.command()
@errors_shown
def worker() -> None:
    """Work on the jobs until asked to stop (SIGTERM or Ctrl-C)."""
    _log()
    running = open_service(load_config()).worker()
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    running.start()
    click.echo(f"working as {running.name}", err=True)
    stop.wait()
    running.stop(WORKER_SECONDS)


def _log() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
