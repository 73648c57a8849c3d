"""What a value must be: annotations that pydantic asks once it is loaded, so that naming them costs nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from shared.controller_socket import PATH_BYTES

#: Hosts for which plain http is allowed: this machine.
LOOPBACK = ("127.0.0.1", "::1", "localhost")
#: More than a century is a mistake.
MOST_JOB_HOURS = 1_000_000
#: More than a century is a mistake.
MOST_DAYS = 36_525
#: More proxies in a row are a mistake.
MOST_PROXIES = 16
#: A URL that browsers, mail programs and agents of any age read alike: no user, no path, only ASCII.
_ADDRESS = re.compile(
    r"https?://(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/*\Z"
)
_LISTENING = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})\Z|unix:/.+\Z")
_LAST_PORT = 65535


class Spelled(str):
    """A value of the environment or of a secret file, where numbers and yes or no are spelled."""

    __slots__ = ()


@dataclass(frozen=True)
class Rule:
    """Complains about a value, or returns "": with `before` it sees the value as it was given."""

    complaint: Callable[[Any], str]
    before: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        """Return the schema of the annotated type with this rule: pydantic's own interface."""
        # Imported here: see loading.py
        from pydantic_core import PydanticCustomError, core_schema

        def judged(value: object) -> object:
            complaint = self.complaint(value)
            if complaint:
                raise PydanticCustomError("refused", "{complaint}", {"complaint": complaint})
            return value

        if self.before:
            return core_schema.no_info_before_validator_function(judged, handler(source))
        return core_schema.no_info_after_validator_function(judged, handler(source))


def _of_kind(kind: type) -> Callable[[object], str]:
    """Return a judge of values in the file: there, a number is written as one."""

    def judge(value: object) -> str:
        fits = isinstance(value, kind) and isinstance(value, bool) == (kind is bool)
        return "" if fits or isinstance(value, Spelled) else f"must be a {kind.__name__}"

    return judge


def _within(least: int, most: int, said: str) -> Rule:
    return Rule(lambda value: "" if least <= value <= most else said)


def public_url_complaint(value: str) -> str:
    """Return what is wrong with an address for accounts and clients, "" if nothing."""
    if not is_address(value):
        return "must be an address such as https://control.example.com (a name in ASCII, nothing else)"
    url = urlsplit(value)
    if url.scheme == "http" and url.hostname not in LOOPBACK:
        return "must be https, except for this very machine"
    return ""


def is_listening_place(text: str) -> bool:
    """Return whether the text is HOST:PORT or unix:PATH."""
    found = _LISTENING.match(text)
    return found is not None and (found["port"] is None or int(found["port"]) <= _LAST_PORT)


def is_address(text: str) -> bool:
    """Return whether the text is http(s)://HOST[:PORT] and nothing more."""
    try:
        return _ADDRESS.match(text) is not None and urlsplit(text).port != 0
    except ValueError:
        # An invalid port, or an invalid address in brackets
        return False


def _whmcs_url(value: str) -> str:
    try:
        url = urlsplit(value)
    except ValueError:
        url = urlsplit("")
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.username:
        return "must be an address such as https://billing.example.com"
    if url.scheme == "http" and url.hostname not in LOOPBACK:
        return "must be https, except for this very machine"
    return ""


def _socket_path(value: str) -> str:
    fits = value.startswith("/") and ".." not in Path(value).parts and len(os.fsencode(value)) <= PATH_BYTES
    return "" if fits or not value else f"must be an absolute path of at most {PATH_BYTES} bytes"


def _absolute(value: str) -> str:
    return "" if value.startswith("/") and ".." not in Path(value).parts else "must be an absolute path"


def _below_home(value: str) -> str:
    parts = Path(value).parts
    fits = bool(parts) and not value.startswith("/") and ".." not in parts
    return "" if fits else "must be a path below the home directory"


def _pythons(value: object) -> str:
    fits = isinstance(value, list | tuple) and all(isinstance(one, str) and one.startswith("/") for one in value)
    return "" if fits else "must be a list of absolute paths"


def _words(value: object) -> str:
    fits = isinstance(value, list | tuple) and bool(value) and all(isinstance(one, str) for one in value)
    return "" if fits else "must be a list of words"


def one_of(*known: str) -> Rule:
    """Return the rule that a value is one of the `known` ones."""
    return Rule(lambda value: "" if value in known else f"must be one of {', '.join(known)}")


Needed = Rule(lambda value: "" if value else "is needed", before=True)
Number = Annotated[int, Rule(_of_kind(int), before=True)]
YesOrNo = Annotated[bool, Rule(_of_kind(bool), before=True)]
#: Also written as text: files of earlier versions may.
_number_or_text = Rule(lambda value: "must be a number" if isinstance(value, bool) else "", before=True)
Proxies = Annotated[
    int,
    _number_or_text,
    _within(0, MOST_PROXIES, f"must be a number of at least 0, {MOST_PROXIES} at most"),
]
JobHours = Annotated[int, _number_or_text, _within(1, MOST_JOB_HOURS, f"must be from 1 to {MOST_JOB_HOURS}")]
Version = Annotated[int, Rule(_of_kind(int), before=True), _within(1, 10**6, "must be a number of at least 1")]
Days = Annotated[
    int,
    Rule(lambda value: _of_kind(int)(value) and f"must be days, from 1 to {MOST_DAYS}; 0: forever", before=True),
    _within(0, MOST_DAYS, f"must be days, from 1 to {MOST_DAYS}; 0: forever"),
]
Port = Annotated[Number, _within(1, 65535, "must be between 1 and 65535")]
Share = Annotated[Number, _within(1, 10**6, "must be a number of at least 1")]
UserId = Annotated[Number, _within(0, 2**32 - 2, "must be the number of a user")]
PublicUrl = Annotated[str, Rule(public_url_complaint)]
CollectorUrl = Annotated[str, Rule(lambda value: public_url_complaint(value) if value else "")]
WhmcsUrl = Annotated[str, Needed, Rule(_whmcs_url)]
SocketPath = Annotated[str, Rule(_socket_path)]
AbsolutePath = Annotated[str, Rule(_absolute)]
PathBelowHome = Annotated[str, Rule(_below_home)]
Seconds = Annotated[Number, _within(1, 120, "must be from 1 to 120")]
Pythons = Annotated[tuple[str, ...], Rule(_pythons, before=True)]
Words = Annotated[tuple[str, ...], Rule(_words, before=True)]
