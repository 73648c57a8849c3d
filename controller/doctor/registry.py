"""Every check of `doctor`, in the order of its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from controller.doctor import billing, files, servers, upkeep, web
from controller.panels.base import Check
from controller.settings.sections import Config
from shared.errors import ShoplaunchError, advice

#: What a row is called that has no name of its own -> its check.
CHECKS: dict[str, Callable[[Config], Iterator[Check]]] = {
    "keys": files.keys,
    "secret files": files.secret_files_closed,
    "database": upkeep.database,
    "sealed values": files.sealed_values,
    "agent": files.agent,
    "agents' channels": files.agent_channels,
    "bundles": files.stored_bundles,
    "operator's address": upkeep.operators_address,
    "restored": upkeep.restored,
    "mail": billing.mail,
    "alarms": upkeep.alarms,
    "refused orders": upkeep.refused_orders,
    "retention": upkeep.retention_goes_on,
    "backups": upkeep.backups,
    "duties": upkeep.duties_done,
    "broker": upkeep.broker,
    "whmcs": billing.whmcs,
    "whmcs key": billing.keys_of_whmcs,
    "trusted proxies": web.proxies,
    "web": web.web,
    "agents' socket": web.agents_socket,
    "servers": servers.each_server,
}


def examine(config: Config) -> list[Check]:
    """Return a row for every check."""
    rows: list[Check] = []
    for name, check in CHECKS.items():
        try:
            rows += [replace(row, name=row.name or name) for row in check(config)]
        except ShoplaunchError as error:
            rows.append(Check(name, False, error.message, advice(error.code)))
        except OSError as error:
            rows.append(Check(name, False, str(error), "Check the file's owner and mode."))
    return rows
