"""Section [whmcs] of the configuration: WHMCS's address, our credentials there, and how passwords reach the client."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from controller.config import LOOPBACK
from shared.errors import ShoplaunchError

#: How the client gets the back office's password: a page shows it once, a page lets one be chosen, the mail has it.
LINK, SET, MAIL = "link", "set", "mail"
CREDENTIALS = (LINK, SET, MAIL)
_ACCESS_KEY = re.compile(r"[A-Za-z0-9!@#$%.()*\[\]_-]{1,200}\Z")
_TEXTS = ("url", "identifier", "secret_file", "access_key_file", "admin", "credentials", "ca", "key")


@dataclass(frozen=True)
class WhmcsSettings:
    """Access to WHMCS. `department` is the support department's number, `admin` the login name for replies."""

    url: str
    identifier: str
    secret_file: str
    department: int
    admin: str
    access_key_file: str = ""
    credentials: str = LINK
    #: A PEM file with the authority of WHMCS's certificate, where that is not a public one.
    ca: str = ""
    timeout_seconds: int = 30
    #: The key that its addon signs with; "": the only key there is.
    key: str = ""

    @classmethod
    def sections(cls, values: Mapping[str, Any]) -> dict[str, WhmcsSettings]:
        """Return key -> settings of [whmcs] and of every [whmcs.KEY] in it. Raises `config_invalid`."""
        others = {key: section for key, section in values.items() if isinstance(section, Mapping)}
        own = {name: value for name, value in values.items() if name not in others}
        found = {key: cls.from_dict({**section, "key": key}) for key, section in others.items()}
        if own:
            main = cls.from_dict(own)
            if main.key in found:
                raise ShoplaunchError("config_invalid", f"[whmcs] and [whmcs.{main.key}] are of the same key")
            found[main.key] = main
        return found

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> WhmcsSettings:
        """Return the settings in `values`. Raises ShoplaunchError `config_invalid` naming the setting."""
        unknown = sorted(set(values) - set(cls.__dataclass_fields__))
        if unknown:
            raise ShoplaunchError("config_invalid", f"[whmcs] has no setting {unknown[0]!r}")
        for name in ("url", "identifier", "secret_file", "department", "admin"):
            if not values.get(name):
                raise ShoplaunchError("config_invalid", f"[whmcs] needs {name}")
        for name, value in values.items():
            kind = str if name in _TEXTS else int
            if not isinstance(value, kind) or isinstance(value, bool):
                raise ShoplaunchError("config_invalid", f"[whmcs] {name} must be a {kind.__name__}")
        found = cls(**values)
        found._check()
        return found

    def _check(self) -> None:
        url = urlsplit(self.url)
        if url.scheme not in ("http", "https") or not url.hostname or url.query or url.username:
            raise ShoplaunchError(
                "config_invalid", "[whmcs] url must be an address such as https://billing.example.com"
            )
        if url.scheme == "http" and url.hostname not in LOOPBACK:
            raise ShoplaunchError("config_invalid", "[whmcs] url must be https, except for this very machine")
        if self.credentials not in CREDENTIALS:
            raise ShoplaunchError("config_invalid", f"[whmcs] credentials must be one of {', '.join(CREDENTIALS)}")
        if not 1 <= self.timeout_seconds <= 120:
            raise ShoplaunchError("config_invalid", "[whmcs] timeout_seconds must be from 1 to 120")

    @property
    def endpoint(self) -> str:
        """Return the address of API calls."""
        return f"{self.url.rstrip('/')}/includes/api.php"

    def secret(self) -> str:
        """Return the API credential's secret. Raises ShoplaunchError `config_invalid`."""
        return _read("secret_file", self.secret_file)

    def access_key(self) -> str:
        """Return the access key, "" when none is configured. Raises ShoplaunchError `config_invalid`."""
        if not self.access_key_file:
            return ""
        key = _read("access_key_file", self.access_key_file)
        if not _ACCESS_KEY.match(key):
            raise ShoplaunchError("config_invalid", "[whmcs] access_key_file holds characters WHMCS does not allow")
        return key


def _read(name: str, path: str) -> str:
    try:
        text = Path(path).read_text("utf-8").strip()
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or "not text"
        raise ShoplaunchError("config_invalid", f"[whmcs] {name}: {reason}") from None
    if not text:
        raise ShoplaunchError("config_invalid", f"[whmcs] {name} is empty")
    return text
