"""Everything that is wrong with the settings, at once: `shoplaunch config check`. Nothing is called or changed."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from controller.db.connection.engine import make_engine
from controller.jobs.engine import registry
from controller.settings import sources
from controller.settings.loading import Survey, is_newer
from controller.settings.problems import Problem
from controller.settings.rules import is_listening_place
from controller.settings.sections import FILE_NAME, SETTINGS_VERSION, Config
from controller.setup import secret_files
from shared.errors import ShoplaunchError, advice


@dataclass(frozen=True)
class Finding:
    """A problem, and what to do about it. With an `essential` one, commands that read the settings do not start."""

    setting: str
    code: str
    message: str
    place: str
    advice: str
    essential: bool


def findings(survey: Survey) -> list[Finding]:
    """Return every problem, those that stop commands first."""
    found = [*(_of(one) for one in survey.problems), *_newer(survey), *_used(survey), *_files(survey)]
    return sorted(found, key=lambda one: not one.essential)


def _of(one: Problem) -> Finding:
    what = advice(one.code) if one.code == "config_newer" else _correct(one.place)
    return Finding(one.setting, one.code, one.message, one.place, what, one.fatal)


def _correct(place: str) -> str:
    return f"Correct it in {place or FILE_NAME}."


def _newer(survey: Survey) -> Iterator[Finding]:
    if is_newer(survey.config) and not any(one.code == "config_newer" for one in survey.problems):
        message = f"{FILE_NAME} is of settings version {survey.config.settings_version}, this program knows"
        what, name = advice("config_newer"), "settings_version"
        yield Finding(name, "config_newer", f"{message} {SETTINGS_VERSION}", str(survey.config.file), what, False)


def _used(survey: Survey) -> Iterator[Finding]:
    """Yield what the parts that use a setting say of it."""
    config = survey.config
    if not is_listening_place(config.bind):
        yield _said(survey, "bind", "bind is not HOST:PORT")
    uses: dict[str, Callable[[Config], object]] = {
        "database_url": lambda config: make_engine(config.database_url),
        "engine.kind": registry.of,
    }
    for name, use in uses.items():
        try:
            use(config)
        except ShoplaunchError as error:
            yield _said(survey, name, error.message)


def _said(survey: Survey, name: str, message: str, what: str = "") -> Finding:
    place = survey.places.get(name, sources.Place()).where
    return Finding(name, "config_invalid", message, place, what or _correct(place), False)


def _files(survey: Survey) -> Iterator[Finding]:
    config = survey.config
    for name, path in secret_files.named(config):
        try:
            sources.secret_in(path)
        except ShoplaunchError as error:
            yield _said(survey, name, f"{name}: {error.message}", "Correct the path, or the file's owner and mode.")
    for name, file in _authorities(config):
        try:
            ssl.create_default_context(cafile=file)
        except (ssl.SSLError, OSError) as problem:
            why = problem.strerror if isinstance(problem, OSError) and problem.strerror else "it holds no certificate"
            yield _said(survey, name, f"{name}: {file}: {why}", "Name a file of certificates (PEM).")
    mounted = Path(sources.SECRETS)
    own = [path for path in survey.secret_files if mounted not in path.parents]
    named = [config.file, *(path for _name, path in secret_files.named(config)), *own]
    for path, what in secret_files.open_to_all(dict.fromkeys(named)):
        yield Finding("", "config_invalid", f"every user of this machine can read {path}", str(path), what, False)


def _authorities(config: Config) -> Iterator[tuple[str, str]]:
    known = {"callback_ca": config.callback_ca, "tls_ca": config.tls_ca, "engine.broker_ca": config.engine.broker_ca}
    known["whmcs.ca"] = config.whmcs.get("ca")
    for name, file in known.items():
        if isinstance(file, str) and file:
            yield name, file
