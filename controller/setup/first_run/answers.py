"""The answers of a first run, also read from a file of TOML or JSON."""

from __future__ import annotations

import difflib
import json
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from controller.settings import rules
from controller.settings.loading import complaints
from controller.settings.sections import Config
from shared.errors import ShoplaunchError

#: Nobody answers with more.
MOST_BYTES = 64 * 1024
_STRICT = {"extra": "forbid"}


@dataclass(frozen=True)
class MailAnswers:
    """The mail server; a password stands in a file."""

    __pydantic_config__ = _STRICT

    host: str = "127.0.0.1"
    port: rules.Port = 25
    starttls: rules.YesOrNo = False
    user: str | None = None
    password_file: str | None = None
    sender: str | None = None

    @classmethod
    def of(cls, config: Config) -> MailAnswers:
        """Return what the settings say now."""
        return cls(**{one.name: getattr(config.mail, one.name) for one in fields(cls)})


@dataclass(frozen=True)
class ServerAnswers:
    """The first server: what `server add` is given."""

    __pydantic_config__ = _STRICT

    name: str
    panel: str
    url: str | None = None
    user: str | None = None
    token_file: str | None = None
    cpanel_token_file: str | None = None
    ca: str | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answers:
    """What a first run asks for; `operator` is the name that signs in. Without `mail` that section stays as it is."""

    __pydantic_config__ = _STRICT

    public_url: str
    operator_email: str
    mail: MailAnswers | None = None
    server: ServerAnswers | None = None
    operator: str = "admin"


def read(source: str) -> Answers:
    """Return the answers in a file, or in standard input for "-". Raises ShoplaunchError `answers_invalid` with
    everything that is wrong; PermissionError."""
    values = _parsed(source, _text(source))
    found, wrong = complaints(Answers, values)
    if wrong:
        raise invalid(f"{_named(source)}: {_worded(name, complaint)}" for name, complaint in wrong)
    answers: Answers = found
    return answers


def invalid(lines: Any) -> ShoplaunchError:
    """Return the failure that names every problem."""
    return ShoplaunchError("answers_invalid", "\n".join(lines))


def _named(source: str) -> str:
    return "standard input" if source == "-" else source


def _text(source: str) -> str:
    try:
        stream = sys.stdin.buffer if source == "-" else Path(source).open("rb")  # noqa: SIM115
        with stream:
            content = stream.read(MOST_BYTES + 1)
        text = content.decode("utf-8-sig")
    except PermissionError:
        # Closed to this user, which no change of an answer mends
        raise
    except OSError as problem:
        raise invalid([f"{_named(source)}: {problem.strerror}"]) from None
    except ValueError:
        raise invalid([f"{_named(source)} holds no text"]) from None
    if len(content) > MOST_BYTES:
        raise invalid([f"{_named(source)} is longer than {MOST_BYTES} bytes"])
    return text


def _parsed(source: str, text: str) -> Mapping[str, Any]:
    try:
        values = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (ValueError, RecursionError):
        raise invalid([f"{_named(source)} is neither TOML nor JSON"]) from None
    return dict(values)


def _worded(name: str, complaint: str) -> str:
    section, _, last = name.rpartition(".")
    kind = {"": Answers, "mail": MailAnswers, "server": ServerAnswers}.get(section)
    known = [one.name for one in fields(kind)] if kind is not None else []
    near = difflib.get_close_matches(last, [one for one in known if one != last], n=1)
    return f"{name} {complaint}" + (f"; did you mean {near[0]}?" if near and complaint == "is unknown" else "")
