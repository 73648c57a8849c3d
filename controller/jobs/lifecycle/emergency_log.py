"""The log where not even logging may be possible any more."""

from __future__ import annotations

import logging
import os

LOG = logging.getLogger(__name__)


def report(what: str, problem: BaseException | None) -> None:
    """Log `what`; when not even that is possible (no memory), say so on standard error."""
    try:
        LOG.critical("%s", what, exc_info=problem)
    except BaseException:  # noqa: BLE001 - what is told here must not stop who tells it
        os.write(2, b"shoplaunch: the worker is in trouble that cannot be logged\n")
