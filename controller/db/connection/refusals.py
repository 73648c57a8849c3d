"""Whether the database takes this process's changes: known before any sign of life is missed."""

from __future__ import annotations

import sqlalchemy as sa

from shared.errors import ShoplaunchError

#: What an operator has to correct; everything else passes.
CODES = ("database_unwritable", "database_full")
#: All that the database refuses for reasons of its own, whatever it was asked for.
OF_THE_DATABASE = ("database_busy", *CODES)
_refused: dict[str, ShoplaunchError] = {}


def is_one(error: object) -> bool:
    """Return whether `error` says that the controller's database is away, full, or takes no changes."""
    return isinstance(error, ShoplaunchError) and error.code in OF_THE_DATABASE


def note(engine: sa.Engine, error: ShoplaunchError | None) -> None:
    """Note how the last change ended: refused, or, without an error, written."""
    if error is None:
        _refused.pop(str(engine.url), None)
    elif error.code in CODES:
        _refused[str(engine.url)] = error


def last(engine: sa.Engine) -> ShoplaunchError | None:
    """Return why the database takes no changes of this process, None as far as it takes them."""
    return _refused.get(str(engine.url))
