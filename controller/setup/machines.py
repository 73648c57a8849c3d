"""Checks of the machine on which a server's accounts live."""

from __future__ import annotations

from collections.abc import Iterator

from controller.db.machines.servers import Server
from controller.panels.base import Check
from controller.panels.registry import elsewhere, is_unbound
from controller.settings.sections import Config

_NAME = "machine"


def elsewhere_check(server: Server) -> Check | None:
    """Return the row of a server whose accounts live on another machine, None of every other server."""
    other = elsewhere(server)
    if other is None:
        return None
    message = f"its accounts live on {other.host}, whose workers alone move its jobs; not looked at from here"
    what = f"Look there. Where they live on this machine by now: `shoplaunch server set {server.name} --here`."
    return Check(_NAME, False, message, what)


def unbound_checks(config: Config, server: Server) -> Iterator[Check]:
    """Yield a row where workers of several machines may take the jobs of a server whose accounts live on one."""
    if is_unbound(server) and not config.database_url.startswith("sqlite"):
        message = "on which machine its accounts live is not noted: workers of every machine take its jobs"
        what = f"On that machine run `shoplaunch server set {server.name} --here`."
        yield Check(_NAME, False, message, what, essential=False, optional=True)
