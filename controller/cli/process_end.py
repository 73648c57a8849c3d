"""How the processes of `serve` and `worker` end, and where they listen."""

from __future__ import annotations

import logging
import os

import click

from controller.settings.rules import is_listening_place

#: How long the end waits for steps under way. An interrupted step keeps its lease until that expires, and is then
#: repeated by the next worker: no other works on it while a panel may still be busy with it.
WORKER_SECONDS = 15.0
#: Between two checks whether the process was asked to end.
LOOK_SECONDS = 0.5
LOG = logging.getLogger(__name__)


def cut_off(what: str = "steps under way are cut off; they are done again when their leases have run out") -> None:
    """End the process even when a thread hangs, which would keep it from ending normally; the log says `what`."""
    LOG.warning(what)
    logging.shutdown()
    os._exit(0)


def checked_address(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Return an option's HOST:PORT. Raises click.BadParameter."""
    if value is not None and not is_listening_place(value):
        raise click.BadParameter("give HOST:PORT, such as 127.0.0.1:8000")
    return value
