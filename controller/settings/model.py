"""Values judged by pydantic: the only module that loads it, and it is loaded when settings are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from functools import cache
from typing import Any, get_type_hints

from pydantic import Field, TypeAdapter, ValidationError, create_model
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from controller.settings.problems import NEEDED, NO_SECTION, UNKNOWN, Problem, worded
from controller.settings.sections import Config
from controller.settings.table import REPEATED, SECTIONS

#: Kind of pydantic's error -> what is said; others are said by the kind of value that is wanted.
_SAID = {
    "extra_forbidden": UNKNOWN, "unexpected_keyword_argument": UNKNOWN, "missing": NEEDED,
    "dataclass_type": NO_SECTION, "dict_type": NO_SECTION, "mapping_type": NO_SECTION,
}  # fmt: skip
_KINDS = {"string": "str", "int": "int", "bool": "bool", "tuple": "list", "sequence": "list", "list": "list"}


class _Layer(PydanticBaseSettingsSource):
    """A source whose values were read already, with their places."""

    def __init__(self, settings: type[BaseSettings], values: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self._values = dict(values)

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """See PydanticBaseSettingsSource; nothing is looked up one by one."""
        return self._values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the values."""
        return self._values


class _Settings(BaseSettings):
    """The settings of Config, from `layers`: what stands in an earlier one counts more."""

    model_config = SettingsConfigDict(extra="forbid")

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: Any, *_others: Any, **_more: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the layers alone."""
        return tuple(_Layer(settings_cls, values) for values in init_settings.init_kwargs["layers"])


@cache
def _model() -> Any:
    hints = get_type_hints(Config, include_extras=True)
    known: dict[str, Any] = {}
    for one in fields(Config):
        factory = one.default_factory
        default = Field(default=one.default) if factory is MISSING else Field(default_factory=factory)
        if one.name != "home":
            known[one.name] = (hints[one.name], default)
    return create_model("Settings", __base__=_Settings, **known)


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def merged(layers: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], list[Problem]]:
    """Return the values for Config, and every problem; where one is wrong, the default stands.

    `layers` lose the wrong values.
    """
    problems: list[Problem] = []
    while True:
        try:
            found = _model()(layers=layers)
        except ValidationError as error:
            for path, problem in _of(error):
                problems.append(problem)
                for layer in layers:
                    _remove(layer, path)
        else:
            return {name: getattr(found, name) for name in type(found).model_fields}, problems


def _of(error: ValidationError) -> Iterator[tuple[list[str], Problem]]:
    for one in error.errors(include_url=False, include_input=False):
        path = [str(part) for part in one["loc"]]
        path = path[:2] if path[0] in SECTIONS else path[:1]
        yield path, _problem(path, one)


def _problem(path: list[str], error: Any, *, fatal: bool = True) -> Problem:
    *before, name = path
    section = ".".join(before)
    return Problem(".".join(path), worded(section, name, _complaint(section, error)), fatal=fatal)


def _complaint(section: str, error: Any) -> str:
    kind = error["type"]
    return str(error["ctx"]["complaint"]) if kind == "refused" else _SAID.get(kind) or _by_kind(section, kind)


def _by_kind(section: str, kind: str) -> str:
    wanted = _KINDS.get(kind.partition("_")[0], "text")
    if not section:
        return {"str": "must be text", "int": "must be a number"}.get(wanted, f"must be a {wanted}")
    return f"must be a {wanted}"


def _remove(values: dict[str, Any], path: list[str]) -> None:
    *before, name = path
    for section in before:
        below = values.get(section)
        values = below if isinstance(below, dict) else {}
    values.pop(name, None)


def validated(kind: type, values: Mapping[str, Any], section: str) -> tuple[Any, list[Problem]]:
    """Return (the section, no problems) or (None, the problems)."""
    try:
        return _adapter(kind).validate_python(dict(values)), []
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        path = section.split(".")
        return None, [_problem([*path, str(one["loc"][0])], one, fatal=False) for one in found]


def complaints(kind: type, values: Mapping[str, Any]) -> tuple[Any, list[tuple[str, str]]]:
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
