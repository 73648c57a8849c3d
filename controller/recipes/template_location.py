"""Describes a template's location for every recipe: host names, home, and the texts that can be searched for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

from controller.recipes.base import Replacement
from controller.recipes.location import hosts, paths

TOO_COMMON = "too common"
TOO_SHORT = "so short that it may stand below other folders: only as file://"
#: The shortest password to search for without finding ordinary words.
_SHORTEST_SEARCHED = 6
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def nonce_of(version: str, host: str, folder: str, root: str) -> str:
    """Return the nonce of the template's placeholders: the same whenever this template is packed."""
    return hashlib.sha256(f"{version}\0{host}\0{folder}\0{root}".encode()).hexdigest()[:8]


def is_no_word(value: bytes) -> bool:
    """Return whether a database's or user's name can be searched for: ordinary words would be found everywhere."""
    return bool(re.search(rb"[0-9].*_|_.*[0-9]", value))


def is_searchable(value: bytes) -> bool:
    """Return whether a secret is long enough to be searched for."""
    return len(value) >= _SHORTEST_SEARCHED and not (value.isalpha() and len(value) < 2 * _SHORTEST_SEARCHED)


def unsearched(secrets: Mapping[str, bytes], credentials: Mapping[str, bytes], roots: Iterable[str]) -> dict[str, str]:
    """Return label -> reason of the texts for which the finished bundle is not searched."""
    common = [f"secret {label}" for label, value in secrets.items() if not is_searchable(value)]
    common += [f"{label} of the template" for label, value in credentials.items() if not is_no_word(value)]
    short = [f"the path {path}" for path in roots if paths.is_weak(path)]
    return dict.fromkeys(common, TOO_COMMON) | dict.fromkeys(short, TOO_SHORT)


class Replacements:
    """Collects replacements; the first one for a text counts."""

    def __init__(self) -> None:
        self._found: dict[bytes, Replacement] = {}

    def add(self, old: str, value: str, kind: str, address: str = "") -> None:
        """Replace `old` by the value `value`, or by `address` where an address begins with it; ignore an empty text.

        Also ignore a path that is not absolute, and an e-mail address without a host: words would be found everywhere.
        """
        if kind == "path" and paths.absolute(old) is None:
            return
        if not old or (kind == "email" and not _EMAIL.fullmatch(old)):
            return
        self._found.setdefault(old.encode("utf-8"), Replacement(old.encode("utf-8"), value, kind, address))

    def add_hosts(self, names: Sequence[str], folder: str) -> None:
        """Replace the template's hosts (each as it is configured), in every spelling. See `add_host`."""
        for name in dict.fromkeys(one for host in names for one in hosts.names_of(host)):
            self.add_host(name, folder, is_derived=name not in names)

    def add_host(self, name: str, folder: str, is_derived: bool = False) -> None:
        """Replace the template's host `name`, with its folder where an address of the template begins.

        `folder` is the one the template is below, with a slash before it; "" for none. Addresses outside it belong to
        another site. A name that every machine has is a host of the machine there, and also without the template's port
        (`is_derived`): it is replaced only where a web server or a cookie expects a host.
        """
        if hosts.is_weak(name) and (is_derived or folder):
            self.add(name, "domain", "host")
        else:
            self.add(name, "domain", "domain", "" if folder else "shop.address")
        if folder and not (hosts.is_weak(name) and is_derived):
            for port in ("",) if hosts.split(name)[1] else ("", *(f":{usual}" for usual in hosts.USUAL_PORTS)):
                self.add(name + port + folder, "shop.address", "domain")

    def add_former(self, host: str, folder: str) -> None:
        """Replace a former host of the template by the shop's address in rows, with `folder` and without.

        Files may name it as their maker's: many shops began with a theme's demonstration shop. A name that every
        machine has is one of the template only with its port or the folder.
        """
        for name in hosts.names_of(host):
            if folder:
                self.add(name + folder, "shop.address", "former")
            if not hosts.is_weak(name) or hosts.split(name)[1]:
                self.add(name, "domain", "former", "shop.address")

    def add_paths(self, roots: Iterable[str], homes: Iterable[str]) -> None:
        """Replace the template's roots and homes by the account's; only absolute paths are searched for."""
        for path in filter(None, map(paths.absolute, roots)):
            for written in paths.spellings(path):
                self.add(written, "root", "path")
        for path in filter(None, map(paths.absolute, homes)):
            for written in () if paths.is_weak(path) else paths.spellings(path):
                self.add(written, "home", "path")

    def add_access(self, credentials: Mapping[str, bytes]) -> None:
        """Replace the template's database and its user: label (`DB_NAME`, `database_user`) -> name."""
        for label, name in credentials.items():
            value = "db.user" if label.lower().endswith("user") else "db.name"
            self.add(name.decode("utf-8", "replace"), value, "name")

    def all(self) -> list[Replacement]:
        """Return the replacements in the order in which they were added."""
        return list(self._found.values())
