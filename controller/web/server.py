"""The web server: gunicorn with one process, the jobs' worker as a thread of it."""

from __future__ import annotations

from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from controller.config import Config
from controller.jobs.service import Service, open_service
from controller.jobs.worker import Worker
from controller.web.app import create_app

#: Requests answered at the same time; each is short, none waits for a panel.
THREADS = 16
#: What is under way gets so long when the server is stopped.
STOP_SECONDS = 30
MAX_HEADER_BYTES = 8190


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn carries no types
    """Serves `config`'s installation at `bind` (host:port) until it is told to stop."""

    def __init__(self, config: Config, bind: str, *, with_worker: bool) -> None:
        self._config = config
        self._bind = bind
        self._with_worker = with_worker
        self._service: Service | None = None
        self._worker: Worker | None = None
        super().__init__()

    def load_config(self) -> None:
        """Tell gunicorn how to run; its own configuration files and variables are not read."""
        settings = {
            "bind": self._bind,
            "worker_class": "gthread",
            "workers": 1,
            "threads": THREADS,
            "graceful_timeout": STOP_SECONDS,
            "limit_request_field_size": MAX_HEADER_BYTES,
            "proc_name": "shoplaunch",
            # Threads and database connections are made behind the fork
            "preload_app": False,
            "post_worker_init": self._start_worker,
            "worker_exit": self._stop_worker,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Return the application; called in the process that serves it."""
        self._service = open_service(self._config)
        return create_app(self._config, self._service)

    def _start_worker(self, _process: Any) -> None:
        if self._with_worker and self._service is not None:
            self._worker = self._service.worker()
            self._worker.start()

    def _stop_worker(self, _server: Any, _process: Any) -> None:
        if self._worker is not None:
            self._worker.stop(STOP_SECONDS)
