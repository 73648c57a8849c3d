"""What the files with PrestaShop's settings have in common in every series: how one is read, and the secrets in it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from controller.recipes.secrets import parts
from controller.recipes.secrets.parts import Held
from controller.recipes.tree import template_files
from shared.errors import ShoplaunchError


@dataclass(frozen=True)
class SettingsFile(ABC):
    """The settings as PHP sees them, strings as bytes."""

    path: ClassVar[str]
    stubs: ClassVar[Mapping[bytes, bytes]]
    #: Names of settings that belong to the application itself.
    known: ClassVar[frozenset[str]]
    values: Mapping[str, Any] = field(repr=False)

    @abstractmethod
    def text(self, name: str) -> str:
        """Return a setting, named as in later series, as text; "" when it is missing."""

    @property
    def prefix(self) -> str:
        """The prefix of the tables' names."""
        return self.text("database_prefix")

    def more_secrets(self) -> list[tuple[str, list[Held]]]:
        """Return (setting, secrets in it) for settings unknown to the application."""
        found = [(name, parts.secrets_in(name, value)) for name, value in self._others()]
        return [(name, held) for name, held in found if held]

    def emptied(self) -> dict[str, bytes]:
        """Return setting -> its value without the secrets in it, for settings unknown to the application."""
        return {name: parts.taken_out(name, value)[0] for name, value in self._others()}

    def _others(self) -> list[tuple[str, bytes]]:
        values = self.values.items()
        return [(name, value) for name, value in values if isinstance(value, bytes) and name not in self.known]

    def _filled(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return name -> bytes of those of the settings that have a value."""
        return {name: self.text(name).encode("utf-8", "surrogateescape") for name in names if self.text(name)}


def content_of(root: Path, path: str) -> bytes | None:
    """Return the content of the file at `path` of the shop at `root`, None without one.

    Raises ShoplaunchError `config_unreadable`.
    """
    try:
        return template_files.read(root / path)
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise ShoplaunchError("config_unreadable", f"{path}: {problem.strerror}") from None


def require(values: Mapping[str, object], names: Iterable[str], path: str) -> None:
    """Raise ShoplaunchError `config_unreadable` where one of the settings is missing."""
    missing = [name for name in names if name not in values]
    if missing:
        raise ShoplaunchError("config_unreadable", f"{path} lacks {', '.join(missing)}")
