"""Reads the settings: for a command, which stops at a wrong one, or as a survey with every problem."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from controller.settings import sources
from controller.settings.contradictions import contradictions
from controller.settings.problems import Problem, newer
from controller.settings.sections import FILE_NAME, SETTINGS_VERSION, Config
from controller.settings.sources import Layer, Place
from controller.settings.table import PREFIX
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
    # Imported here: it loads pydantic, which commands without settings do not need
    from controller.settings import model

    environment = os.environ if environment is None else environment
    home = home_folder(environment)
    layers = sources.layers(environment, file or home / FILE_NAME)
    places = _places(layers)
    problems = [one for layer in layers for one in layer.problems]
    values, wrong = model.merged([layer.values for layer in layers])
    if not values["database_url"]:
        values["database_url"] = f"sqlite:///{home}/shoplaunch.db"
    config = Config(home=home, **values)
    problems += wrong
    if not home.is_absolute():
        problems.append(Problem("", f"{PREFIX}HOME must be an absolute path", f"{PREFIX}HOME"))
    problems += model.problems_of_sections(values)
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


def complaints(kind: type, values: Mapping[str, Any]) -> tuple[Any, list[tuple[str, str]]]:
    """Return (`values` as an instance of `kind`, nothing) or (None, [(name, what is wrong with it)])."""
    # Imported here: it loads pydantic, which commands without settings do not need
    from controller.settings import model

    return model.complaints(kind, values)


def section(kind: type, values: Mapping[str, Any], name: str) -> Any:
    """Return section `name` as an instance of `kind`. Raises config_invalid naming the setting."""
    # Imported here: it loads pydantic, which commands without settings do not need
    from controller.settings import model

    found, problems = model.validated(kind, values, name)
    if problems:
        raise ShoplaunchError(problems[0].code, problems[0].message)
    return found
