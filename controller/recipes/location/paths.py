"""Handles the paths of a template: which of them can be searched for, and how Windows writes them."""

from __future__ import annotations

import os
import posixpath
import pwd
import re
from collections.abc import Sequence
from pathlib import Path

#: Folders that are no user's home.
NO_HOME = ("/", "/root", "/home", "/srv", "/var", "/var/www", "/opt", "/usr", "/tmp", "/mnt", "/data")  # noqa: S108
_DRIVE = re.compile(r"/?([A-Za-z]):[\\/]+(.*)", re.DOTALL)
_WINDOWS = re.compile(rb"/?[A-Za-z]:[\\/]")
_HOMES = re.compile(r"(/home[0-9]*/[^/]+|/Users/[^/]+|[A-Z]:/Users/[^/]+)/")


def absolute(path: str | None) -> str | None:
    """Return an absolute path of at least one part, normalised; None for any other text.

    A Windows path gets plain slashes and a capital drive letter.
    """
    drive = _DRIVE.match(path or "")
    rest = drive.group(2).replace("\\", "/") if drive else path or ""
    if not drive and not rest.startswith("/"):
        return None
    parts = posixpath.normpath("/" + rest.strip("/")).strip("/")
    if not parts:
        return None
    return f"{drive.group(1).upper()}:/{parts}" if drive else f"/{parts}"


def is_windows(path: bytes) -> bool:
    """Return whether a path begins with a drive, as in `C:/` or the `/C:/` of a URL."""
    return _WINDOWS.match(path) is not None


def is_weak(path: str) -> bool:
    """Return whether a path is so short that it may also stand below another folder: `/app`, or `/var/www`."""
    return not is_windows(path.encode("utf-8")) and (path.count("/") < 2 or path in NO_HOME)


def spellings(path: str) -> list[str]:
    """Return the spellings of an absolute path (from `absolute`): a Windows path with either slash."""
    if not is_windows(path.encode("utf-8")):
        return [path]
    return [path, path.replace("/", "\\"), "/" + path]


def roots_of(root: Path) -> list[str]:
    """Return the absolute paths of a document root: first without links, then as it was given."""
    held: Sequence[str] = getattr(root, "roots", ())
    if held:
        return list(held)
    given = [os.path.realpath(root), os.path.abspath(root)]  # noqa: PTH100 - links are to stay
    shell = os.environ.get("PWD", "")
    # The shell's PWD keeps the links by which its user came here
    if not root.is_absolute() and absolute(shell) == shell and os.path.realpath(shell) == str(Path.cwd()):
        given.append(os.path.normpath(os.path.join(shell, root)))  # noqa: PTH118 - no link is to be followed
    return list(dict.fromkeys(filter(None, map(absolute, given))))


def home_of(root: str) -> str | None:
    """Return the home directory in which the root lies, None when it is no user's."""
    try:
        home = absolute(pwd.getpwuid(Path(root).stat().st_uid).pw_dir)
    except (KeyError, OSError):
        return None
    return home if home and root.startswith(home + "/") and not is_weak(home) else None


def home_in(path: str | None) -> str | None:
    """Return the home directory that a path names by its form, for accounts of other machines."""
    named = _HOMES.match(path or "")
    return named.group(1) if named else None
