"""Section [whmcs] of the configuration: WHMCS's address, our credentials there, and how passwords reach the client."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.settings.loading import section
from controller.settings.sections import CREDENTIALS, LINK, MAIL, SET, WhmcsSection
from shared.errors import ShoplaunchError

__all__ = ("CREDENTIALS", "LINK", "MAIL", "SET", "WhmcsSettings")
_ACCESS_KEY = re.compile(r"[A-Za-z0-9!@#$%.()*\[\]_-]{1,200}\Z")


@dataclass(frozen=True)
class WhmcsSettings(WhmcsSection):
    """Access to WHMCS. `department` is the support department's number, `admin` the login name for replies."""

    @classmethod
    def sections(cls, values: Mapping[str, object]) -> dict[str, WhmcsSettings]:
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
        found: WhmcsSettings = section(cls, values, "whmcs")
        return found

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
