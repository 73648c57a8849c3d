"""Checks of the hosting servers: each by its panel, unless it is locked or fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from controller.db.connection.engine import make_engine, reading
from controller.db.machines import breakers, servers
from controller.panels.base import Check
from controller.panels.registry import is_here, open_panel
from controller.settings.sections import Config
from controller.setup import machines
from controller.timestamps import iso
from shared.errors import ShoplaunchError, advice


def servers_of(config: Config) -> list[servers.Server]:
    """Return the servers this installation knows."""
    with reading(make_engine(config.database_url)) as connection:
        return servers.listed(connection)


def is_shared(config: Config) -> bool:
    """Return whether accounts live on the controller's own machine."""
    return any(is_here(server.panel) for server in servers_of(config))


def each_server(config: Config) -> Iterator[Check]:
    """Yield the checks of each server's panel; those that are locked or fail are not asked."""
    known = servers_of(config)
    with reading(make_engine(config.database_url)) as connection:
        opened = breakers.opened(connection)
    if not known:
        yield Check("servers", False, "none", "Run `shoplaunch server add`.")
    for server in known:
        if server.locked_at is not None:
            # Another login with the refused token would get this address locked out for longer
            reason = f"locked, not looked at: {server.locked_reason}"
            what = f"Fix it, then run `shoplaunch server check {server.name}`."
            yield Check(f"{server.name}: login", False, reason, what)
            continue
        if server.name in opened:
            yield _failing(opened[server.name])
            continue
        other = machines.elsewhere_check(server)
        if other is not None:
            yield replace(other, name=f"{server.name}: {other.name}", essential=False, optional=True)
            continue
        try:
            rows = [*machines.unbound_checks(config, server), *open_panel(config, server).check()]
        except ShoplaunchError as error:
            rows = [Check("panel", False, error.message, advice(error.code))]
        for row in rows:
            yield replace(row, name=f"{server.name}: {row.name}")


def _failing(breaker: breakers.Breaker) -> Check:
    """Return the row of a server whose breaker is open: a call would only be waited for."""
    message = f"fails since {iso(breaker.since)}, not looked at: {breaker.reason}; next look {iso(breaker.next_at)}"
    what = f"Its jobs wait. Mend it, then `shoplaunch server check {breaker.server}`: they go on at once."
    return Check(f"{breaker.server}: answers", False, message, what)
