"""Values judged by pydantic: the only module that loads it, and it is loaded when settings are read.

pydantic-settings would add only the merge of the layers, and as long again to each command's start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from functools import cache, reduce
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, create_model

from controller.settings.problems import NEEDED, NO_SECTION, UNKNOWN, Problem, worded
from controller.settings.sections import Config
from controller.settings.table import REPEATED, SECTIONS

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

#: Kind of pydantic's error -> what is said; others are said by the kind of value that is wanted.
_SAID = {
    "extra_forbidden": UNKNOWN, "unexpected_keyword_argument": UNKNOWN, "missing": NEEDED,
    "dataclass_type": NO_SECTION, "dict_type": NO_SECTION, "mapping_type": NO_SECTION,
}  # fmt: skip
_KINDS = {"string": "str", "int": "int", "bool": "bool", "tuple": "list", "sequence": "list", "list": "list"}


@cache
def _model() -> Any:
    hints = get_type_hints(Config, include_extras=True)
    known: dict[str, Any] = {}
    for one in fields(Config):
        factory = one.default_factory
        default = Field(default=one.default) if factory is MISSING else Field(default_factory=factory)
        if one.name != "home":
            known[one.name] = (hints[one.name], default)
    return create_model("Settings", __config__=ConfigDict(extra="forbid", validate_default=True), **known)


@cache
def _adapter(kind: type) -> TypeAdapter[object]:
    return TypeAdapter(kind)


def merged(layers: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], list[Problem]]:
    """Return the values for Config, and every problem; where one is wrong, the default stands.

    What stands in an earlier layer counts more. `layers` lose the wrong values.
    """
    problems: list[Problem] = []
    nothing: Mapping[str, Any] = {}
    while True:
        try:
            found = _model()(**reduce(_over, layers, nothing))
        except ValidationError as error:
            for path, problem in _of(error):
                problems.append(problem)
                for layer in layers:
                    _remove(layer, path)
        else:
            return {name: getattr(found, name) for name in type(found).model_fields}, problems


def _over(values: Mapping[str, Any], below: Mapping[str, Any]) -> dict[str, Any]:
    """Return `below` with `values` over it, section by section."""
    found = {**below, **values}
    for name in values.keys() & below.keys():
        if isinstance(values[name], Mapping) and isinstance(below[name], Mapping):
            found[name] = _over(values[name], below[name])
    return found


def _of(error: ValidationError) -> Iterator[tuple[list[str], Problem]]:
    for one in error.errors(include_url=False, include_input=False):
        path = [str(part) for part in one["loc"]]
        path = path[:2] if path[0] in SECTIONS else path[:1]
        yield path, _problem(path, one)


def _problem(path: list[str], error: ErrorDetails, *, fatal: bool = True) -> Problem:
    *before, name = path
    section = ".".join(before)
    return Problem(".".join(path), worded(section, name, _complaint(section, error)), fatal=fatal)


def _complaint(section: str, error: ErrorDetails) -> str:
    kind = error["type"]
    return str(error["ctx"]["complaint"]) if kind == "refused" else _SAID.get(kind) or _by_kind(section, kind)


def _by_kind(section: str, kind: str) -> str:
    wanted = _KINDS.get(kind.partition("_")[0], "text")
    if not section:
        return {"str": "must be text", "int": "must be a number"}.get(wanted, f"must be a {wanted}")
    return f"must be a {wanted}"


def _remove(values: dict[str, object], path: list[str]) -> None:
    *before, name = path
    for section in before:
        below = values.get(section)
        values = below if isinstance(below, dict) else {}
    values.pop(name, None)


def validated(kind: type, values: Mapping[str, object], section: str) -> tuple[object, list[Problem]]:
    """Return (the section, no problems) or (None, the problems)."""
    try:
        return _adapter(kind).validate_python(dict(values)), []
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        path = section.split(".")
        return None, [_problem([*path, str(one["loc"][0])], one, fatal=False) for one in found]


def complaints(kind: type, values: Mapping[str, object]) -> tuple[object, list[tuple[str, str]]]:
    """Return (`values` as an instance of `kind`, nothing) or (None, [(name, what is wrong with it)])."""
    try:
        return _adapter(kind).validate_python(dict(values)), []
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        return None, [(".".join(str(part) for part in one["loc"]), _complaint("", one)) for one in found]


def problems_of_sections(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong in the sections that are handed on as they are: local, and whmcs with its subsections."""
    local, whmcs = values["local"], values[REPEATED]
    yield from validated(SECTIONS["local"], local, "local")[1]
    below = {key: section for key, section in whmcs.items() if isinstance(section, Mapping)}
    own = {name: value for name, value in whmcs.items() if name not in below}
    if own:
        yield from validated(SECTIONS[REPEATED], own, REPEATED)[1]
    for key, section in below.items():
        yield from validated(SECTIONS[REPEATED], {**section, "key": key}, f"{REPEATED}.{key}")[1]
        if own.get("key") == key:
            yield Problem(REPEATED, f"[whmcs] and [whmcs.{key}] are of the same key", fatal=False)
