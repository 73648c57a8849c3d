"""Values that are plainly right, seen without pydantic: to load it would be a fifth of each command's start.

The rules are the same ones. What is not plainly right is None here; controller.settings.model judges that, and says
what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache, reduce
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from controller.settings.rules import Rule, Spelled
from controller.settings.sections import Config

_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_ANSWERS = {"true": True, "false": False}


class _Doubtful(Exception):
    """A value that is not plainly right."""


def merged(layers: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the values for Config, None where any is doubtful. What stands in an earlier layer counts more."""
    try:
        return _values(Config, over(layers), without="home")
    except _Doubtful:
        return None


def built(kind: type, values: Mapping[str, Any]) -> Any:
    """Return `values` as an instance of the section `kind`, None where any is doubtful."""
    try:
        return kind(**_values(kind, values))
    except _Doubtful:
        return None


def over(layers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the values of all layers, the earlier ones over the later ones, section by section."""
    return reduce(_over, layers, dict[str, Any]())


def _over(values: dict[str, Any], below: dict[str, Any]) -> dict[str, Any]:
    found = {**below, **values}
    for name in values.keys() & below.keys():
        if isinstance(values[name], dict) and isinstance(below[name], dict):
            found[name] = _over(values[name], below[name])
    return found


def _values(kind: Any, given: Mapping[str, Any], without: str = "") -> dict[str, Any]:
    """Return the value of each field of `kind`. Raises _Doubtful."""
    known = {one.name: one for one in fields(kind) if one.name != without}
    if given.keys() - known.keys():
        raise _Doubtful
    hints = _hints(kind)
    return {name: _judged(hints[name], given[name]) if name in given else _default(one) for name, one in known.items()}


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _default(one: Field[Any]) -> Any:
    if one.default is not MISSING:
        return one.default
    if one.default_factory is MISSING:
        raise _Doubtful
    return one.default_factory()


def _judged(hint: Any, value: Any) -> Any:
    """Return the value as the field's type has it, if all its rules are kept. Raises _Doubtful."""
    kind, *rules = (hint.__origin__, *hint.__metadata__) if hasattr(hint, "__metadata__") else (hint,)
    _require(rules, value, before=True)
    if isinstance(kind, type) and is_dataclass(kind):
        # None of a section with a doubtful value
        return _read(built(kind, _read(value, dict)), kind)
    found = _READERS.get(_name(kind), _read)(value)
    _require(rules, found, before=False)
    return found


def _require(rules: Sequence[Rule], value: Any, *, before: bool) -> None:
    if any(rule.complaint(value) for rule in rules if rule.before is before):
        raise _Doubtful


def _name(kind: Any) -> Any:
    """Return what _READERS calls the type."""
    others = [one for one in get_args(kind) if one is not NoneType]
    return get_origin(kind) if get_origin(kind) in _READERS else others[0] if others else kind


def _read(value: Any, *kinds: type) -> Any:
    if type(value) not in kinds:
        raise _Doubtful
    return value


def _text(value: Any) -> str:
    # Also what is no character, as a variable may have
    if not isinstance(value, str) or not value.isprintable():
        raise _Doubtful
    return str(value)


def _number(value: Any) -> int:
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else int(_read(value, int))


def _yes_or_no(value: Any) -> bool:
    return _ANSWERS[value] if isinstance(value, Spelled) and value in _ANSWERS else bool(_read(value, bool))


#: Type of a field -> its value as it was given -> the value. Raises _Doubtful.
_READERS: dict[Any, Callable[[Any], Any]] = {
    str: _text,
    int: _number,
    bool: _yes_or_no,
    tuple: lambda value: tuple(_text(one) for one in _read(value, list, tuple)),
    get_origin(Mapping[str, Any]): lambda value: _read(value, dict),
    get_origin(Sequence[Any]): lambda value: _read(value, list, tuple),
}
