"""Where values come from: the file, secret files, the environment. Each layer says so for every value."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.settings.problems import Problem
from controller.settings.rules import Spelled
from controller.settings.table import ALIASES, BETWEEN, PREFIX, row_of, rows
from shared.errors import ShoplaunchError

DEFAULT, FILE, ENVIRONMENT, SECRET_FILE = "default", "file", "environment", "secret file"
#: Where Docker, Podman and Kubernetes put secrets; SHOPLAUNCH_SECRETS names another folder.
SECRETS = "/run/secrets"
#: What systemd sets for a unit with LoadCredential=.
CREDENTIALS = "CREDENTIALS_DIRECTORY"
#: No secret is longer.
MOST_BYTES = 64 * 1024
#: Variables that are no settings, and those that begin so.
OTHERS = ("home", "secrets", "source_password", "scratch_password", "backup_passphrase", "demo", "start", "complete")
_OTHERS_BEGIN = ("test_", "real_", "nightly", "sample", "complete_")


@dataclass(frozen=True)
class Place:
    """Where a value comes from: the kind of source, and the file or variable."""

    kind: str = DEFAULT
    where: str = ""


@dataclass
class Layer:
    """The values of one source, nested as in the file, the place of each, and what is wrong."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    #: Files that hold a value which nobody else may know.
    secret_files: list[Path] = field(default_factory=list)

    def put(self, name: str, value: object, place: Place) -> None:
        """Set `name`, such as mail.port."""
        *sections, last = name.split(".")
        folder = self.values
        for section in sections:
            folder = folder.setdefault(section, {})
        folder[last] = value
        self.places[name] = place


def of_file(path: Path) -> Layer:
    """Return the settings in the file; a missing one has none."""
    layer = Layer()
    try:
        # Some editors write a byte order mark
        layer.values = tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return layer
    except OSError as problem:
        layer.problems.append(Problem("", f"{path}: {problem.strerror}", str(path)))
    except ValueError as problem:
        layer.problems.append(Problem("", f"{path}: {problem}", str(path)))
    mail = layer.values.get("mail")
    if isinstance(mail, dict) and "password-file" in mail:
        # As it was written at first
        mail["password_file"] = mail.pop("password-file")
    for name in _leaves(layer.values, ""):
        layer.places[name] = Place(FILE, str(path))
    return layer


def _leaves(values: Mapping[str, object], before: str) -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{before}{name}.")
        else:
            yield before + name


def of_environment(environment: Mapping[str, str]) -> Layer:
    """Return what variables say: themselves, or by NAME_FILE a file that holds the value. An empty one says nothing."""
    layer = Layer()
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or not environment[variable]:
            continue
        name = _name(variable)
        if row_of(name) is not None:
            _put_spelled(layer, name, environment[variable], Place(ENVIRONMENT, variable))
        elif name.endswith("_file") and row_of(name[: -len("_file")]) is not None:
            _put_of_file(layer, name[: -len("_file")], Path(environment[variable]), variable)
        elif not _is_other(name):
            message = f"there is no setting for the variable {variable}{_meant(name)}"
            layer.problems.append(Problem(name, message, variable, fatal=False))
    return layer


def _name(variable: str) -> str:
    """Return the setting that a variable or a secret file is named after."""
    name = variable[len(PREFIX) :].lower()
    return ALIASES.get(name) or name.replace(BETWEEN, ".")


def _is_other(name: str) -> bool:
    return name in OTHERS or name.startswith(_OTHERS_BEGIN)


def _meant(name: str) -> str:
    # Imported here: only a mistake needs it
    from difflib import get_close_matches

    near = get_close_matches(name, list(rows()), n=1)
    return f"; did you mean {rows()[near[0]].variable}?" if near else ""


def _put_spelled(layer: Layer, name: str, text: str, place: Place) -> None:
    row = row_of(name)
    value: Any = Spelled(text)
    if row is not None and row.is_list:
        try:
            value = json.loads(text)
        except ValueError:
            message = f'{place.where} must be a list in JSON, such as ["one", "two"]'
            layer.problems.append(Problem(name, message, place.where))
            return
    if name in layer.places:
        message = f"{place.where} and {layer.places[name].where} both set {name}: one of them has to go"
        layer.problems.append(Problem(name, message, place.where))
        return
    layer.put(name, value, place)


def _put_of_file(layer: Layer, name: str, path: Path, said_by: str) -> None:
    try:
        text = secret_in(path)
    except ShoplaunchError as error:
        layer.problems.append(Problem(name, f"{said_by}: {error.message}", said_by))
        return
    layer.secret_files.append(path)
    _put_spelled(layer, name, text, Place(SECRET_FILE, f"{said_by}={path}" if said_by != str(path) else said_by))


def secret_in(path: Path) -> str:
    """Return the text in a secret file without the blanks around it. Raises config_invalid, never repeating it."""
    try:
        if not path.is_file():
            path.stat()
            raise ShoplaunchError("config_invalid", f"{path} is no file")
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
        text = content.decode("utf-8").strip()
    except OSError as problem:
        raise ShoplaunchError("config_invalid", f"{path}: {problem.strerror}") from None
    except ValueError:
        raise ShoplaunchError("config_invalid", f"{path} holds no text") from None
    if not text or len(content) > MOST_BYTES:
        raise ShoplaunchError("config_invalid", f"{path} is {'empty' if not text else 'too long for a secret'}")
    return text


def of_folders(environment: Mapping[str, str]) -> list[Layer]:
    """Return a layer for each folder of secret files; the unit's own credentials come first."""
    named = environment.get(PREFIX + "SECRETS", "")
    folders = [environment.get(CREDENTIALS, ""), named or SECRETS]
    return [_of_folder(Path(folder), is_named=folder == named) for folder in folders if folder]


def _of_folder(folder: Path, *, is_named: bool) -> Layer:
    layer = Layer()
    try:
        names = sorted(path.name for path in folder.iterdir())
    except PermissionError:
        # It may be entered all the same
        names = [spelled for row in rows().values() for spelled in _spellings(row.variable, folder)]
    except OSError as problem:
        names = []
        if is_named:
            layer.problems.append(Problem("", f"{PREFIX}SECRETS: {folder}: {problem.strerror}", PREFIX + "SECRETS"))
    for file_name in names:
        if file_name.upper().startswith(PREFIX):
            _put_secret(layer, folder / file_name)
    return layer


def _spellings(variable: str, folder: Path) -> Iterator[str]:
    plain = variable.removesuffix("_FILE")
    for spelled in (variable, variable.lower(), plain, plain.lower()):
        if _is_there(folder / spelled):
            yield spelled


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _put_secret(layer: Layer, path: Path) -> None:
    name = _name(path.name.upper())
    if row_of(name) is not None:
        _put_of_file(layer, name, path, str(path))
    elif row_of(name + "_file") is not None:
        # The setting names a file: it is this one
        layer.secret_files.append(path)
        _put_spelled(layer, name + "_file", str(path), Place(SECRET_FILE, str(path)))
    else:
        message = f"there is no setting for the secret file {path}{_meant(name)}"
        layer.problems.append(Problem(name, message, str(path), fatal=False))


def layers(environment: Mapping[str, str], path: Path) -> list[Layer]:
    """Return all layers, those that count more first: environment, secret files, file."""
    return [of_environment(environment), *of_folders(environment), of_file(path)]
