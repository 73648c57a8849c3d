"""What the codes of PostgreSQL's errors (SQLSTATE) mean; other databases have such codes, too, and are never meant."""

from __future__ import annotations

import re
from typing import Any

#: "Disk full". A quota that is used up has no code of its own; servers that speak English name it.
_FULL = "53100"
_QUOTA = re.compile(r"Disk quota exceeded")
#: A standby, or a server or user that is set to read only.
_READ_ONLY = "25006"
#: No right to read or change a table; also a file of the server that it may not write.
_DENIED = "42501"
#: Serialization failure, deadlock, lock timeout: the transaction was rolled back and can be repeated as a whole.
_REPEATABLE = ("40001", "40P01", "55P03")
#: Classes of what ends by itself: connections, rollbacks, lack of resources, objects in use, intervention of operators.
_PASSING = ("08", "40", "53", "55", "57")
#: The server ended a transaction that took too long.
_TIMEOUTS = ("25P03", "25P04")
#: Further classes that are no fault of a statement: of the server's system, and of the server itself.
_OF_THE_SERVER = (*_PASSING, "58", "XX")
_DUPLICATE = "23505"
#: A table or an index is damaged.
_DAMAGED = ("XX001", "XX002")


def is_one(problem: BaseException) -> bool:
    """Return whether `problem` is an error of PostgreSQL's driver."""
    # With another database the driver is not loaded
    return type(problem).__module__.partition(".")[0] == "psycopg"


def _code(problem: BaseException | None) -> str:
    return (problem is not None and is_one(problem) and getattr(problem, "sqlstate", None)) or ""


def is_full(problem: BaseException) -> bool:
    """Return whether `problem` means that the server's disk is full."""
    return _code(problem) == _FULL or (is_one(problem) and _QUOTA.search(str(problem)) is not None)


def is_protected(problem: BaseException) -> bool:
    """Return whether `problem` means that this user may not write, or nobody may."""
    return _code(problem) in (_READ_ONLY, _DENIED)


def is_denied(problem: BaseException) -> bool:
    """Return whether `problem` means that this user lacks a right."""
    return _code(problem) == _DENIED


def is_damaged(problem: BaseException) -> bool:
    """Return whether `problem` means that the database itself is damaged."""
    return _code(problem) in _DAMAGED


def is_of_the_server(problem: BaseException) -> bool:
    """Return whether `problem` is a failure of the server and no answer to the statement."""
    return _code(problem)[:2] in _OF_THE_SERVER or _code(problem) in _TIMEOUTS


def is_repeatable(problem: BaseException) -> bool:
    """Return whether the transaction can be repeated as a whole."""
    return _code(problem) in _REPEATABLE


def passes(problem: BaseException) -> bool:
    """Return whether the server may answer differently at the next try; without a code there was no connection."""
    code = _code(problem)
    return is_one(problem) and (not code or code[:2] in _PASSING or code in _TIMEOUTS)


def is_duplicate(problem: BaseException | None) -> bool:
    """Return whether `problem` says that a row with the same key is there."""
    return _code(problem) == _DUPLICATE


def without_rows(problem: BaseException, wrapped: BaseException | None) -> None:
    """Take what the server quotes of rows from `problem` and from SQLAlchemy's error around it: a log may get both."""
    diagnosis: Any = getattr(problem, "diag", None) if is_one(problem) else None
    text = diagnosis.message_primary if diagnosis is not None else None
    if not text:
        return
    problem.args = (text,)
    if wrapped is not None:
        wrapped.args = (f"({type(problem).__name__}) {text}",)
