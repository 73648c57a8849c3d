"""The place a template stands in, as every recipe sees it: names of its host, its home, what may be searched for."""

from __future__ import annotations

import contextlib
import pwd
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from controller.recipes.base import Replacement

#: Folders that are nobody's home.
NO_HOME = ("/", "/root", "/home", "/srv", "/var", "/var/www", "/opt", "/usr", "/tmp", "/mnt", "/data")  # noqa: S108
#: Entries below a root that belong to the panel of whatever server the template stood on, or to its owner's tools.
PANELS_OWN = (
    rb"\.git|\.svn|\.hg|\.idea|\.vscode|cgi-bin|\.well-known|\.ftpquota|\.user\.ini|php\.ini|\.htpasswds|\.shoplaunch.*"
)
#: Dumps and archives of the template itself, at its top.
COPIES = rb"[^/]*\.(?:sql|sql\.gz|sql\.bz2|sql\.zip|tar|tar\.gz|tgz|zip|bak|old|orig|swp)"
LEFT_OUT_ANYWHERE = (b"error_log", b".DS_Store", b"Thumbs.db", b".git", b".svn")
TOO_COMMON = "too common"
#: The shortest password that can be searched for without finding ordinary words.
_SHORTEST_SEARCHED = 6


def names_of(host: str) -> list[str]:
    """Return the spellings of a host: with and without `www.` and port, and in its own script."""
    bare, _, port = host.removeprefix("www.").partition(":")
    names = [bare]
    if "xn--" in bare:
        with contextlib.suppress(UnicodeError):
            names.append(bare.encode("ascii").decode("idna"))
    found = []
    for name in names:
        for prefix in ("", "www."):
            found += [f"{prefix}{name}:{port}"] if port else []
            found.append(prefix + name)
    return found


def home_of(root: str) -> str | None:
    """Return the home directory the root lies in, None when it is nobody's own."""
    try:
        home = pwd.getpwuid(Path(root).stat().st_uid).pw_dir.rstrip("/")
    except (KeyError, OSError):
        return None
    return home if root.startswith(home + "/") and home not in NO_HOME else None


def home_in(path: str | None) -> str | None:
    """Return the home directory a path names by its form, for accounts that are not of this machine."""
    named = re.match(r"(/home[0-9]*/[^/]+)/", path or "")
    return named.group(1) if named else None


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
    common += [f"the path {path}" for path in roots if path in NO_HOME]
    return dict.fromkeys(common, TOO_COMMON)


class Replacements:
    """Collects replacements; the first for a text wins."""

    def __init__(self) -> None:
        self._found: dict[bytes, Replacement] = {}

    def add(self, old: str, value: str, kind: str, address: str = "") -> None:
        """`old` becomes the value `value`, or `address` where an address begins with it; an empty text is none."""
        if old:
            self._found.setdefault(old.encode("utf-8"), Replacement(old.encode("utf-8"), value, kind, address))

    def add_host(self, name: str, folder: str) -> None:
        """The template's host `name` becomes the shop's, with its folder where an address of the template begins.

        `folder` is the one the template lives below, with a slash before it; "" for none. Outside of it is another
        site's.
        """
        if folder:
            self.add(name + folder, "shop.address", "domain")
        self.add(name, "domain", "domain", "" if folder else "shop.address")

    def add_paths(self, roots: Iterable[str], homes: Iterable[str]) -> None:
        """The template's roots and homes become the account's."""
        for path in roots:
            if path not in NO_HOME:
                self.add(path, "root", "path")
        for path in homes:
            self.add(path, "home", "path")

    def all(self) -> list[Replacement]:
        """Return them in the order in which they came."""
        return list(self._found.values())
