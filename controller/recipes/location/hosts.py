"""Handles the names of a template's host: its spellings, its port, and whether other machines use the same name."""

from __future__ import annotations

import contextlib
import re

#: Default ports, which an address leaves out.
USUAL_PORTS = ("80", "443")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:]*)(?::([0-9]*))?\Z")
_WEAK = re.compile(r"\[.*\]|[0-9.]+|[^.]*")


def split(host: str) -> tuple[str, str]:
    """Return (host without its port, port); "" for no port, or a default one."""
    found = _HOST.match(host)
    if found is None:
        return host, ""
    port = found.group(2) or ""
    return found.group(1), "" if port in USUAL_PORTS else port


def plain(host: str) -> str:
    """Return `host` in lower case without a default port."""
    bare, port = split(host.strip().lower())
    return f"{bare}:{port}" if port else bare


def is_weak(host: str) -> bool:
    """Return whether any machine may have a host of this name: `localhost`, `db`, `127.0.0.1`, `[::1]`.

    A name with a dot and a letter (`shop.test`) belongs to one site. A port changes nothing.
    """
    return _WEAK.fullmatch(split(host)[0]) is not None


def names_of(host: str) -> list[str]:
    """Return the spellings of a host: with and without `www.` and port, and as Unicode."""
    bare, port = split(host.removeprefix("www."))
    names = [bare]
    if "xn--" in bare:
        with contextlib.suppress(UnicodeError):
            own = bare.encode("ascii").decode("idna")
            # Text beyond ASCII is not found in any case
            names += dict.fromkeys([own, own[:1].upper() + own[1:], own.upper()])
    found = []
    for name in names:
        for prefix in ("",) if is_weak(name) else ("", "www."):
            found += [f"{prefix}{name}:{port}"] if port else []
            found.append(prefix + name)
    return found


def are_one_site(hosts: list[str]) -> bool:
    """Return whether the hosts of one shop may be names of the same site.

    `www.` and a port make no other site, and neither does a name known only to the developer's machine.
    """
    return len({split(host.removeprefix("www."))[0] for host in hosts if not is_weak(host)}) <= 1
