"""The local panel's settings: section `[local]` of the configuration, every path and command of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.panels.local import php_versions
from controller.panels.local.php_versions import PhpFpm
from controller.settings.loading import section
from controller.settings.sections import LocalSection
from shared.errors import ShoplaunchError


@dataclass(frozen=True)
class LocalSettings(LocalSection):
    """Section [local] with the machine's PHP-FPM services."""

    php: tuple[PhpFpm, ...] = field(default_factory=php_versions.detect)

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> LocalSettings:
        """Return the settings in `values`, with defaults for missing ones. Raises config_invalid naming the key."""
        found = section(LocalSection, values, "local")
        known: dict[str, Any] = {name: value for name, value in vars(found).items() if name != "php"}
        if "php" in values:
            known["php"] = _versions(values["php"])
        return cls(**known)


def _versions(values: object) -> tuple[PhpFpm, ...]:
    if not isinstance(values, list | tuple):
        raise ShoplaunchError("config_invalid", "[local] php must be a list of tables")
    return tuple(sorted((PhpFpm.from_dict(one) for one in values), key=PhpFpm.number, reverse=True))
