"""`shoplaunch worker`: works on the jobs, without a web server."""

from __future__ import annotations

import logging
import signal
import threading
from contextlib import suppress
from types import FrameType

import click

from controller import log_entries, measures
from controller.cli.process_end import LOOK_SECONDS, WORKER_SECONDS, checked_address, cut_off
from controller.cli.terminal.output import errors_shown
from controller.jobs.engine.capacity.own_servers import OwnServers
from controller.jobs.intake.service import open_service
from controller.settings.loading import load_config
from controller.setup import worker_needs
from controller.telemetry import tracing
from shared.errors import advice

#: When a worker that was asked to end has ended, whatever hangs.
LATEST_SECONDS = 19
LOG = logging.getLogger(__name__)


def register(group: click.Group) -> None:
    """Add this module's command to `group`."""
    group.add_command(worker)


def _tcp(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        raise click.BadParameter("give HOST:PORT, such as 127.0.0.1:8001", param_hint="--metrics")
    return host.strip("[]"), int(port)


@click.command()
@click.option(
    "--server",
    "servers",
    multiple=True,
    metavar="NAME",
    help="Only jobs of this server, or of those whose names match, such as 'eu-*'; may be given several times.",
)
@click.option(
    "--metrics",
    metavar="HOST:PORT",
    callback=checked_address,
    help="Show Prometheus at http://HOST:PORT/metrics what this worker measures.",
)
@errors_shown
def worker(servers: tuple[str, ...], metrics: str | None) -> None:
    """Work on the jobs until asked to stop (SIGTERM or Ctrl-C)."""
    log_entries.begin()
    if metrics is not None:
        measures.show(*_tcp(metrics))
    config = load_config()
    log_entries.begin(config.log_format)
    tracing.begin(config.traces_url)
    worker_needs.require_keys(config)
    service = open_service(config)
    worker_needs.require_agent(config)
    for problem in worker_needs.lacking(service):
        LOG.warning("%s: %s. %s", problem.code, problem.message, advice(problem.code))
    running = service.jobs.worker(servers=OwnServers(servers))
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    running.start()
    if config.log_format == log_entries.JSON:
        LOG.info("working as %s", running.name)
    else:
        with suppress(OSError):
            # A full disk of the log stops no work
            click.echo(f"working as {running.name}", err=True)
    # A signal that arrives in another thread is noticed only at the next check
    while not stop.wait(LOOK_SECONDS):
        pass
    # Whatever hangs, the log included, the kernel ends the process
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LATEST_SECONDS)
    if not running.stop(WORKER_SECONDS):
        cut_off()
    tracing.end()
