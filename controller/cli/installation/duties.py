"""Commands that timers run: where nobody sees them fail, the operator is notified by the workers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from controller.cli.terminal.output import as_failure
from controller.jobs.intake import duties
from controller.settings.sections import Config
from shared.errors import ShoplaunchError


@contextmanager
def failure_noted(config: Config, name: str) -> Iterator[None]:
    """Note a failure of the block as one of the duty `name`, unless somebody looks on at a terminal."""
    try:
        yield
    except Exception as problem:
        if not sys.stderr.isatty():
            # Without its database nothing is notified of anything; that the duty is late shows later
            with suppress(ShoplaunchError, OSError):
                duties.note_command(config, name, as_failure(problem))
        raise
