"""`shoplaunch serve`: the web server, with or without a worker in the same process."""

from __future__ import annotations

import logging
import mmap
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import click
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.errors import HaltServer
from gunicorn.sock import UnixSocket

from controller import log_entries
from controller.cli.process_end import LOOK_SECONDS, WORKER_SECONDS, checked_address, cut_off
from controller.cli.terminal.output import errors_shown
from controller.jobs.engine.monitoring.watchdog import EXIT_CODE, end_process
from controller.jobs.engine.port import Engine
from controller.jobs.engine.presence import Presence
from controller.jobs.intake.service import open_service, require_ready
from controller.settings.loading import load_config
from controller.settings.rules import is_listening_place
from controller.settings.sections import Config
from controller.telemetry import tracing
from controller.web.app import create_app
from controller.web.server import agent_socket, own_place
from shared.errors import ShoplaunchError

THREADS = 24
#: A request takes milliseconds; a stuck one must not keep the process from ending.
REQUEST_SECONDS = 10
#: When gunicorn kills a process that has not ended by itself: before a service manager or a containers' engine does.
GRACEFUL_SECONDS = 20
LOG = logging.getLogger(__name__)


def register(group: click.Group) -> None:
    """Add this module's command to `group`."""
    group.add_command(serve)


class _Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn with one process of several threads; the worker starts in that process after the fork."""

    def __init__(self, config: Config, bind: str, with_worker: bool) -> None:
        self._config = config
        self._bind = bind
        self._with_worker = with_worker
        self._worker: Engine | None = None
        self._presence: Presence | None = None
        #: When the worker was asked to stop: while requests are waited for, it already ends its steps.
        self._asked_at: float | None = None
        #: Shared with the process of the web server: whether its worker has failed.
        self._lost = mmap.mmap(-1, 1)
        super().__init__()

    def load_config(self) -> None:
        settings = {
            "bind": self._bind,
            "workers": 1,
            "threads": THREADS,
            "worker_class": "controller.web.server.whole_requests.Worker",
            "graceful_timeout": GRACEFUL_SECONDS,
            # An agent's event may wait for a database lock
            "timeout": 120,
            # No access log: bearer tokens and status tokens must not be logged
            "accesslog": None,
            "errorlog": "-",
            "logger_class": "controller.web.server.server_log.ServerLog",
            "control_socket_disable": True,
            "when_ready": self._hear_agents,
            "post_worker_init": self._begin,
            "worker_exit": self._end,
            "child_exit": self._ended,
        }
        for name, value in settings.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_app(self._config)

    def _hear_agents(self, server: Any) -> None:
        """Listen at the agents' socket as well, once all other addresses are bound."""
        try:
            listener = agent_socket.listen(self._config.agent_socket_path)
        except ShoplaunchError as error:
            if urlsplit(self._config.public_url).scheme == "http":
                raise
            # Agents can use the network instead
            LOG.warning("agents of this machine come by the network: %s", error.message)
            return
        server.LISTENERS.append(UnixSocket(listener.getsockname(), server.cfg, server.log, fd=listener.detach()))

    def _begin(self, process: Any) -> None:
        process.cfg.set("graceful_timeout", REQUEST_SECONDS)
        # What sends them is a thread, which does not survive the fork
        tracing.begin(self._config.traces_url)
        if self._with_worker:
            # Its own engine: connections do not survive the fork
            self._worker = open_service(self._config).jobs.worker(self._end_everything)
            self._worker.start()
            follow = threading.Thread(target=self._stop_with, args=(process, self._worker), daemon=True)
            follow.start()
        else:
            self._presence = Presence(self._config.database_url)
            self._presence.start()

    def _stop_with(self, process: Any, worker: Engine) -> None:
        """Stop taking on new work from the moment on when the web server is asked to end."""
        while process.alive:
            time.sleep(LOOK_SECONDS)
        self._asked_at = time.monotonic()
        worker.ask_to_stop()

    def _end_everything(self, why: str) -> None:
        """End everything, so that the service manager restarts it: gunicorn would restart only this process."""
        self._lost[0] = 1
        end_process(why)

    def _end(self, _server: object, process: Any) -> None:
        if self._presence is not None:
            self._presence.stop()
        if self._worker is not None:
            waited = 0.0 if self._asked_at is None else time.monotonic() - self._asked_at
            if not self._worker.stop(max(0.0, WORKER_SECONDS - waited)):
                cut_off()
        tracing.end()
        if process.nr_conns:
            cut_off("requests that are not answered yet are cut off")

    def _ended(self, server: Any, _process: Any) -> None:
        # A process that is ending already has closed its listeners
        if self._lost[0] and server.LISTENERS:
            raise HaltServer("The worker cannot go on.", EXIT_CODE)


@click.command()
@click.option(
    "--bind",
    metavar="HOST:PORT",
    callback=checked_address,
    help="Where to listen; default: `bind` of the configuration.",
)
@click.option("--no-worker", is_flag=True, help="Only the web server; run `shoplaunch worker` elsewhere.")
@errors_shown
def serve(bind: str | None, no_worker: bool) -> None:
    """Serve orders, agents and operators, and work on the jobs."""
    log_entries.begin()
    config = load_config()
    if not is_listening_place(config.bind):
        raise ShoplaunchError("config_invalid", f"bind is not HOST:PORT: {config.bind[:80]!r}")
    log_entries.begin(config.log_format)
    # Fails here, with advice, instead of in a child that is started again and again
    require_ready(config)
    bind = bind or config.bind
    own_place.hold(bind)
    _Server(config, bind, not no_worker).run()
