"""Judges what a row stores as JSON by the types that its records declare, and names the entry that does not fit."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields
from types import NoneType, UnionType
from typing import TYPE_CHECKING, NamedTuple, get_args, get_origin, get_type_hints

from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

LOG = logging.getLogger(__name__)
#: What reading such a document raises, if its shape is not judged here.
UNREADABLE = (AttributeError, LookupError, TypeError, ValueError, RecursionError)
#: Declared type -> what JSON may give for it; any other is a document.
_TYPES: Mapping[object, tuple[type[object], ...]] = {
    str: (str,), bool: (bool,), int: (int, float), float: (int, float), Sequence: (list, tuple),
}  # fmt: skip
#: The rows that the log has reported.
_LOGGED: set[str] = set()
_LOGGED_AT_MOST = 10_000


class DamagedRow(ShoplaunchError):
    """What one row stores is damaged, not the database: others are read without it."""

    def __init__(self, message: str) -> None:
        super().__init__("database_damaged", message[:300])


class _ErrorDocument(dict[str, object]):
    """Stands for shared.documents.Error where types are read."""


class Shape(NamedTuple):
    """What an entry may be: these types, None where that `is_optional`, left out unless it `is_required`."""

    types: tuple[type[object], ...]
    is_optional: bool
    is_required: bool
    is_error: bool
    #: Types that need no further look: nearly every value has one of these, and each job's facts are judged many times.
    usual: tuple[type[object], ...]


_KNOWN: dict[type[DataclassInstance], Mapping[str, Shape]] = {}


def of_record(record: type[DataclassInstance]) -> Mapping[str, Shape]:
    """Return the entries of a dataclass, by their declared types; read once."""
    if record not in _KNOWN:
        _KNOWN[record] = _shapes(record)
    return _KNOWN[record]


def _shapes(record: type[DataclassInstance]) -> Mapping[str, Shape]:
    hints = get_type_hints(record, localns={"Error": _ErrorDocument})
    return {one.name: _shape(one, hints[one.name]) for one in fields(record)}


def _shape(one: Field[object], hint: object) -> Shape:
    options = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    kinds = [get_origin(option) or option for option in options if option is not NoneType]
    types = tuple(type_ for kind in kinds for type_ in _TYPES.get(kind, (dict, Mapping)))
    is_required = one.default is MISSING and one.default_factory is MISSING
    is_error = _ErrorDocument in kinds
    return Shape(types, len(kinds) < len(options), is_required, is_error, () if is_error else types)


def judge(name: str, value: object, shape: Shape) -> None:
    """Raise DamagedRow unless the entry `name` may have this value."""
    if value is None and shape.is_optional:
        return
    if not isinstance(value, shape.types):
        raise DamagedRow(f"`{name}` is of a wrong type: {type(value).__name__}")
    if shape.is_error:
        judge_error(name, value)


def judge_record(name: str, record: type[DataclassInstance], document: object) -> None:
    """Raise DamagedRow unless the document has what `record` requires; it may have more."""
    if not isinstance(document, dict):
        raise DamagedRow(f"`{name}` is of a wrong type: {type(document).__name__}")
    for entry, shape in of_record(record).items():
        value = document.get(entry, MISSING)
        if type(value) in shape.usual:
            continue
        if value is not MISSING:
            judge(f"{name}.{entry}", value, shape)
        elif shape.is_required:
            raise DamagedRow(f"`{name}` lacks `{entry}`")


def judge_error(name: str, value: object) -> None:
    """Raise DamagedRow unless the value is an error with a code."""
    if not isinstance(value, dict) or not isinstance(value.get("code"), str):
        raise DamagedRow(f"`{name}` is no error with a code")


def judge_job(values: Mapping[str, object]) -> None:
    """Raise DamagedRow unless the documents of a job's row are what they have to be; its facts by their own codec."""
    for name in ("order", "facts", "progress", "later"):
        if not isinstance(values[name], dict) and (name != "later" or values[name] is not None):
            raise DamagedRow(f"`{name}` is no document")
    progress = values["progress"]
    if isinstance(progress, dict) and not all(isinstance(stage, dict) for stage in progress.values()):
        raise DamagedRow("`progress` has a stage that is no document")
    if values["error"] is not None:
        judge_error("error", values["error"])


def tell(problem: DamagedRow) -> None:
    """Log the damaged row that is passed over, or shown as such; once in each process."""
    if problem.message not in _LOGGED and len(_LOGGED) < _LOGGED_AT_MOST:
        _LOGGED.add(problem.message)
        LOG.error("%s: %s", problem.code, problem.message)
