"""Finds which of the controller's servers billing means by a host name."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from controller.db.machines.servers import Server
from shared.errors import ShoplaunchError


def server_of_host(known: Iterable[Server], host: str) -> str:
    """Return the name of the server whose address has this host name; a server without an address is found by its name.

    Raises ShoplaunchError `server_unknown`, `server_ambiguous`.
    """
    wanted = _plain(host)
    found = sorted(server.name for server in known if wanted and _host_of(server) == wanted)
    if len(found) > 1:
        raise ShoplaunchError("server_ambiguous", f"{wanted[:80]} is the host of {' and '.join(found)}"[:300])
    if not found:
        raise ShoplaunchError("server_unknown", f"there is no server with the host name {wanted[:80]!r}")
    return found[0]


def _host_of(server: Server) -> str:
    return _plain(server.url or str(server.settings.get("host") or server.name))


def _plain(text: str) -> str:
    """Return the host name in `text`, which may be a URL or have a port, in lower case and ASCII."""
    text = text.strip()
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname or ""
        return host.rstrip(".").encode("idna").decode("ascii").lower() if host else ""
    except ValueError:
        return text.lower()
