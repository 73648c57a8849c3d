"""Reads the settings: for a command, which stops at a wrong one, or as a survey with every problem."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from controller.settings import plain, sources
from controller.settings.contradictions import contradictions
from controller.settings.problems import Problem, newer
from controller.settings.sections import FILE_NAME, SETTINGS_VERSION, Config
from controller.settings.sources import Layer, Place
from controller.settings.table import PREFIX, REPEATED, SECTIONS
from shared.errors import ShoplaunchError

DEFAULT_HOME = "/var/lib/shoplaunch"


@dataclass(frozen=True)
class Survey:
    """The settings as far as they are right, the place of each that is no default, and what is wrong."""

    config: Config
    places: Mapping[str, Place]
    problems: tuple[Problem, ...]
    secret_files: tuple[Path, ...]


def home_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Return SHOPLAUNCH_HOME or its default."""
    environment = os.environ if environment is None else environment
    return Path(environment.get(PREFIX + "HOME") or DEFAULT_HOME)


def load_config(environment: Mapping[str, str] | None = None, file: Path | None = None) -> Config:
    """Return the configuration, with the settings of `file` if it is given; a missing file means defaults.

    Raises config_invalid or config_newer naming the setting.
    """
    found = survey(environment, file)
    fatal = [one for one in found.problems if one.fatal]
    if fatal:
        first, more = fatal[0], len(fatal) - 1
        others = f" (and {more} more: see `shoplaunch config check`)" if more else ""
        raise ShoplaunchError(first.code, first.message + others)
    return found.config


def survey(environment: Mapping[str, str] | None = None, file: Path | None = None) -> Survey:
    """Return all settings and all problems."""
    environment = os.environ if environment is None else environment
    home = home_folder(environment)
    layers = sources.layers(environment, file or home / FILE_NAME)
    places = _places(layers)
    problems = [one for layer in layers for one in layer.problems]
    values, wrong = _merged([layer.values for layer in layers])
    if not values["database_url"]:
        values["database_url"] = f"sqlite:///{home}/shoplaunch.db"
    config = Config(home=home, **values)
    problems += wrong
    if not home.is_absolute():
        problems.append(Problem("", f"{PREFIX}HOME must be an absolute path", f"{PREFIX}HOME"))
    problems += _problems_of_sections(values)
    problems += contradictions(config, places)
    problems = [_placed(one, places) for one in newer(config.settings_version, problems)]
    secret_files = tuple(path for layer in layers for path in layer.secret_files)
    for one in wrong:
        # Its default stands
        places.pop(one.setting, None)
    return Survey(config, places, tuple(problems), secret_files)


def require_readable(found: Survey) -> None:
    """Raise config_invalid where the file as a whole cannot be read: its settings are unknown then."""
    for one in found.problems:
        if one.fatal and not one.setting:
            raise ShoplaunchError(one.code, one.message)


def is_newer(config: Config) -> bool:
    """Return whether the file was written for a newer version."""
    return config.settings_version > SETTINGS_VERSION


def _places(layers: list[Layer]) -> dict[str, Place]:
    found: dict[str, Place] = {}
    for layer in reversed(layers):
        found.update(layer.places)
    return found


def _placed(problem: Problem, places: Mapping[str, Place]) -> Problem:
    known = places.get(problem.setting)
    return problem if problem.place or known is None else replace(problem, place=known.where)


def _merged(layers: list[dict[str, Any]]) -> tuple[dict[str, Any], list[Problem]]:
    """Return the values for Config, and every problem; where one is wrong, the default stands."""
    if (found := plain.merged(layers)) is not None:
        return found, []
    # Imported here: it loads pydantic, which takes long and is asked about doubtful values alone
    from controller.settings import model

    return model.merged(layers)


def _validated(kind: type, values: Mapping[str, Any], name: str) -> tuple[Any, list[Problem]]:
    """Return (section `name` as an instance of `kind`, no problems) or (None, the problems)."""
    if (found := plain.built(kind, values)) is not None:
        return found, []
    # Imported here: as above
    from controller.settings import model

    return model.validated(kind, values, name)


def _problems_of_sections(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong in the sections that are handed on as they are: local, and whmcs with its subsections."""
    local, whmcs = values["local"], values[REPEATED]
    yield from _validated(SECTIONS["local"], local, "local")[1]
    below = {key: section for key, section in whmcs.items() if isinstance(section, Mapping)}
    own = {name: value for name, value in whmcs.items() if name not in below}
    if own:
        yield from _validated(SECTIONS[REPEATED], own, REPEATED)[1]
    for key, section in below.items():
        yield from _validated(SECTIONS[REPEATED], {**section, "key": key}, f"{REPEATED}.{key}")[1]
        if own.get("key") == key:
            yield Problem(REPEATED, f"[whmcs] and [whmcs.{key}] are of the same key", fatal=False)


def complaints(kind: type, values: Mapping[str, Any]) -> tuple[Any, list[tuple[str, str]]]:
    """Return (`values` as an instance of `kind`, nothing) or (None, [(name, what is wrong with it)])."""
    # Imported here: as above
    from controller.settings import model

    return model.complaints(kind, values)


def section(kind: type, values: Mapping[str, Any], name: str) -> Any:
    """Return section `name` as an instance of `kind`. Raises config_invalid naming the setting."""
    found, problems = _validated(kind, values, name)
    if problems:
        raise ShoplaunchError(problems[0].code, problems[0].message)
    return found
