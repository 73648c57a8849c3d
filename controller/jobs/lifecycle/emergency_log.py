"""Logging where even the log may fail."""

from __future__ import annotations

import logging
import os

LOG = logging.getLogger(__name__)


def report(what: str, problem: BaseException | None) -> None:
    """Log `what`; when that is impossible too (no memory), write it to standard error."""
    try:
        LOG.critical("%s", what, exc_info=problem)
    except BaseException:  # noqa: BLE001 - reporting must not stop its caller
        os.write(2, b"shoplaunch: the worker is in trouble that cannot be logged\n")
