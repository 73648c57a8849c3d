"""Access that a restored backup revives although it ended since: revoked where that is safe, else listed for review."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from controller.access import totp
from controller.db.identities import access, api_keys, operators
from controller.db.machines import servers
from controller.db.tables import api_keys as key_rows
from controller.db.tables import audit, bundles, metadata, operator_sessions, refused_orders, services
from controller.db.tables import operators as operator_rows
from controller.db.tables import servers as server_rows
from controller.jobs.shop import credentials

#: The audit log's action of a restore; its detail is the restore's token.
ACTION = "backup.restore"
#: `doctor` lists the revived access for this long.
REVIEW_SECONDS = 14 * 86_400
#: At most this many of a kind are listed.
_NAMED = 100
#: Name -> table of what a restore into an installation without jobs replaces: also orders that have no job yet.
_REPLACED = {
    "operators": operator_rows, "keys": key_rows, "servers": server_rows, "bundles": bundles,
    "services": services, "refused orders": refused_orders,
}  # fmt: skip


@dataclass(frozen=True)
class Review:
    """What is back as of the backup, even if it was revoked, removed or changed since."""

    operators: list[str]
    keys: list[str]
    servers: list[str]
    #: Jobs whose password link was ended.
    links: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return lines for people: what is back, by name, and the command that ends one of them."""
        kinds = (
            ("Operators", self.operators, "`shoplaunch user remove NAME`, `shoplaunch user password NAME`"),
            ("Keys of billing systems", self.keys, "`shoplaunch key revoke NAME`, `shoplaunch key renew NAME`"),
            ("Servers", self.servers, "`shoplaunch server remove NAME`"),
            ("Links to passwords, over", self.links, "`shoplaunch retry ID --step notify` sends the client a new one"),
        )
        return [f"{kind}: {_listed(names)} ({command})" for kind, names, command in kinds if names]


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def end_access(connection: sa.Connection, now: float) -> None:
    """End all sessions and password links, and invalidate recovery codes and the app codes up to `now`.

    No backup can say which of them have ended or were used since it was made.
    """
    connection.execute(sa.delete(operator_sessions))
    credentials.end_links(connection, now)
    step = int(now // totp.STEP_SECONDS) + totp.LEEWAY_STEPS
    for user in access.list_operators(connection):
        row = sa.update(operator_rows).where(operator_rows.c.user == user)
        # A predictable generation could match an old session's, which would become valid again
        connection.execute(row.values(generation=secrets.randbelow(2**30), recovery=json.dumps([])))
        connection.execute(row.where(operator_rows.c.totp_last < step).values(totp_last=step))


def review(connection: sa.Connection) -> Review:
    """Return what an operator has to review after a restore."""
    people = [f"{one.user} ({one.role})" for one in operators.listed(connection, 0.0)]
    known = [one.name for one in servers.listed(connection)]
    return Review(people, api_keys.names(connection), known, credentials.ended_links(connection))


def to_review(connection: sa.Connection, now: float) -> tuple[float, Review] | None:
    """Return (when a backup was restored, what to review), None where that is long ago or never happened."""
    query = sa.select(sa.func.max(audit.c.at)).where(audit.c.action == ACTION)
    at = connection.execute(query).scalar()
    if at is None or at < now - REVIEW_SECONDS:
        return None
    found = review(connection)
    since = sa.select(key_rows.c.name).where(key_rows.c.created_at > at)
    new = set(connection.execute(since).scalars())
    return at, replace(found, keys=[name for name in found.keys if name not in new])


def replaced(connection: sa.Connection) -> dict[str, int]:
    """Return {kind: number of rows} that a restore would replace, for existing tables."""
    there = set(sa.inspect(connection).get_table_names())
    found = {}
    for kind, table in _REPLACED.items():
        if table.name in there:
            count = connection.execute(sa.select(sa.func.count()).select_from(metadata.tables[table.name])).scalar_one()
            found.update({kind: count} if count else {})
    return found
