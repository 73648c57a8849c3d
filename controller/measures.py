"""What this process measures for Prometheus: durations of steps and stages, calls to panels, lost leases.

Counted since the process began. `/metrics` of the web server shows those of its process; `worker --metrics` those of a
worker of its own.
"""

from __future__ import annotations

import errno
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    Summary,
    disable_created_metrics,
    make_wsgi_app,
)

from controller.telemetry import tracing
from shared.errors import ShoplaunchError

disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()
LOG = logging.getLogger(__name__)
#: A port that another process has is asked for again after so many seconds.
AGAIN_SECONDS = 10.0
#: A client that sends or reads nothing for so long is gone.
_IDLE_SECONDS = 10
#: From a call within the process to an import of a large shop.
_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)
#: Longer ones are a clock's fault: agents measure them in accounts.
LONGEST_STAGE_SECONDS = 86_400.0

STEPS = Histogram(
    "shoplaunch_step_seconds", "Seconds of the steps that ended, by name and outcome (done, waits, lost, failed).",
    ["step", "outcome"], buckets=_BUCKETS, registry=REGISTRY,
)  # fmt: skip
STAGES = Histogram(
    "shoplaunch_stage_seconds", "Seconds of the agents' stages that ended, as the agents measured them.",
    ["stage"], buckets=_BUCKETS, registry=REGISTRY,
)  # fmt: skip
PANEL_CALLS = Summary(
    "shoplaunch_panel_call_seconds", "Calls to servers' panels and their seconds, by outcome (ok, failed).",
    ["server", "outcome"], registry=REGISTRY,
)  # fmt: skip
LEASES_LOST = Counter(
    "shoplaunch_leases_lost", "Jobs that another worker took over while this one worked on them.", registry=REGISTRY
)


@contextmanager
def panel_call(server: str) -> Iterator[None]:
    """Count the `with` block as a call to the panel of `server`; it failed when the block raises."""
    began, outcome = time.monotonic(), "failed"
    try:
        with tracing.span("panel call"):
            yield
        outcome = "ok"
    finally:
        PANEL_CALLS.labels(server, outcome).observe(time.monotonic() - began)


def stage_ended(stage: str, seconds: object) -> None:
    """Count a stage of an agent; what cannot be a duration is left out."""
    if isinstance(seconds, int | float) and 0 <= seconds <= LONGEST_STAGE_SECONDS:
        STAGES.labels(stage).observe(seconds)
        tracing.ended(f"stage {stage}", seconds)


class _Server6(WSGIServer):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = _IDLE_SECONDS

    def log_message(self, *_: object) -> None:
        """Write no line for each look."""


def serve(address: str, port: int) -> WSGIServer:
    """Answer Prometheus at http://address:port/metrics from now on, until `shutdown()` of what is returned.

    Raises OSError where it cannot listen there.
    """
    # One client at a time: however many come, they take no thread of the worker's
    kind = _Server6 if ":" in address else WSGIServer
    server = make_server(address, port, make_wsgi_app(REGISTRY), kind, _Handler)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


def show(address: str, port: int) -> None:
    """As `serve`; where another process has the port it is waited for, as nobody who takes one stops the work.

    Raises ShoplaunchError `config_invalid` for an address that is not this machine's.
    """
    try:
        serve(address, port)
    except OSError as problem:
        if problem.errno != errno.EADDRINUSE:
            raise ShoplaunchError("config_invalid", f"--metrics {address}:{port}: {problem.strerror}") from None
        LOG.error("another process has %s:%s: no numbers are shown there until it is free", address, port)
        threading.Thread(target=_show_later, args=(address, port), name="metrics later", daemon=True).start()


def _show_later(address: str, port: int) -> None:
    while True:
        time.sleep(AGAIN_SECONDS)
        with suppress(OSError):
            serve(address, port)
            LOG.info("numbers are shown at %s:%s", address, port)
            return
