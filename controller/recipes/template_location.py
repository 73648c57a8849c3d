"""The place a template stands in, as every recipe sees it: names of its host, its home, what may be searched for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from controller.recipes.base import Replacement
from controller.recipes.location import hosts, paths

TOO_COMMON = "too common"
TOO_SHORT = "so short that it may stand below other folders: only as file://"
#: The shortest password that can be searched for without finding ordinary words.
_SHORTEST_SEARCHED = 6
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def is_no_word(value: bytes) -> bool:
    """Tell whether a database's or user's name can be searched for: ordinary words would be found everywhere."""
    return bool(re.search(rb"[0-9].*_|_.*[0-9]", value))


def is_searchable(value: bytes) -> bool:
    """Tell whether a secret is long enough to be searched for."""
    return len(value) >= _SHORTEST_SEARCHED and not (value.isalpha() and len(value) < 2 * _SHORTEST_SEARCHED)


def unsearched(secrets: Mapping[str, bytes], credentials: Mapping[str, bytes], roots: Iterable[str]) -> dict[str, str]:
    """Return label -> reason of what is not searched for in the finished bundle."""
    common = [f"secret {label}" for label, value in secrets.items() if not is_searchable(value)]
    common += [f"{label} of the template" for label, value in credentials.items() if not is_no_word(value)]
    short = [f"the path {path}" for path in roots if paths.is_weak(path)]
    return dict.fromkeys(common, TOO_COMMON) | dict.fromkeys(short, TOO_SHORT)


class Replacements:
    """Collects replacements; the first for a text wins."""

    def __init__(self) -> None:
        self._found: dict[bytes, Replacement] = {}

    def add(self, old: str, value: str, kind: str, address: str = "") -> None:
        """`old` becomes the value `value`, or `address` where an address begins with it; an empty text is none.

        Neither is a path that is not absolute, nor an e-mail address without a host: words would be found everywhere.
        """
        if kind == "path" and paths.absolute(old) is None:
            return
        if not old or (kind == "email" and not _EMAIL.fullmatch(old)):
            return
        self._found.setdefault(old.encode("utf-8"), Replacement(old.encode("utf-8"), value, kind, address))

    def add_hosts(self, names: Sequence[str], folder: str) -> None:
        """The template's hosts (each as it is configured) become the shop's, in every spelling. See `add_host`."""
        for name in dict.fromkeys(one for host in names for one in hosts.names_of(host)):
            self.add_host(name, folder, is_derived=name not in names)

    def add_host(self, name: str, folder: str, is_derived: bool = False) -> None:
        """The template's host `name` becomes the shop's, with its folder where an address of the template begins.

        `folder` is the one the template lives below, with a slash before it; "" for none. Outside of it is another
        site's. A name that every machine has is a host of the machine there, and so it is without the template's port
        (`is_derived`): it is replaced only where a web server or a cookie asks for a host.
        """
        if hosts.is_weak(name) and (is_derived or folder):
            self.add(name, "domain", "host")
        else:
            self.add(name, "domain", "domain", "" if folder else "shop.address")
        if folder and not (hosts.is_weak(name) and is_derived):
            for port in ("",) if hosts.split(name)[1] else ("", *(f":{usual}" for usual in hosts.USUAL_PORTS)):
                self.add(name + port + folder, "shop.address", "domain")

    def add_former(self, host: str, folder: str) -> None:
        """A host that the template had before becomes the shop's address in rows, with `folder` and without.

        Files may name it as their maker's: a theme's demonstration shop was the beginning of many a shop.
        """
        for name in hosts.names_of(host):
            if folder:
                self.add(name + folder, "shop.address", "former")
            self.add(name, "domain", "former", "shop.address")

    def add_paths(self, roots: Iterable[str], homes: Iterable[str]) -> None:
        """The template's roots and homes become the account's; only absolute paths are looked for."""
        for path in filter(None, map(paths.absolute, roots)):
            for written in paths.spellings(path):
                self.add(written, "root", "path")
        for path in filter(None, map(paths.absolute, homes)):
            for written in () if paths.is_weak(path) else paths.spellings(path):
                self.add(written, "home", "path")

    def add_access(self, credentials: Mapping[str, bytes]) -> None:
        """The template's database and its user become the account's: label (`DB_NAME`, `database_user`) -> name."""
        for label, name in credentials.items():
            value = "db.user" if label.lower().endswith("user") else "db.name"
            self.add(name.decode("utf-8", "replace"), value, "name")

    def all(self) -> list[Replacement]:
        """Return them in the order in which they came."""
        return list(self._found.values())
