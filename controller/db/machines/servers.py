"""Queries on the servers and their panels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import sqlalchemy as sa

from controller.db.row_holds import Hold, held
from controller.db.tables import jobs, server_breakers, server_slots, servers
from controller.this_machine import Machine
from shared.errors import ShoplaunchError

_NOT_ALARMED = {"locked_told_at": None, "locked_told_by": None}

#: How agents are started: at once where possible, or by cron only.
AUTO, CRON = "auto", "cron"
#: The setting that names the machine of a server whose panel is called at no address.
MACHINE = "machine"
#: The last outcome is written again only when it differs, or is this much older.
_SAME_SECONDS = 60.0
#: Accounts with the same outcome are counted up to this number.
MOST_ACCOUNTS = 2
_NAMED = sa.select(servers).where(servers.c.name == sa.bindparam("wanted"))
# Built once: asked for every order, and for every agent that is started
_BY_NAME = {hold: held(_NAMED, hold) for hold in Hold}
_LEARNED = sa.select(servers.c.start_learned).where(servers.c.name == sa.bindparam("wanted"))


class Learned(NamedTuple):
    """Outcome of starting agents at once on a server: the way, or the reason why not, or both: it was in vain; when it
    first and last came; in how many accounts in a row, counted to MOST_ACCOUNTS, and the last of these."""

    way: str
    reason: str
    since: float
    at: float
    accounts: int = 1
    account: str = ""


@dataclass(frozen=True)
class Server:
    """A server as its row says; `settings` are the panel's own and override those of the configuration."""

    name: str
    panel: str
    url: str = ""
    user: str = ""
    token_encrypted: str | None = field(default=None, repr=False)
    ca_file: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    #: Since when and why the server must not be called: it refused the controller's login.
    locked_at: float | None = None
    locked_reason: str = ""
    #: When a job's alarm claimed to notify the operator of the lock.
    locked_told_at: float | None = None
    #: Whether agents are started at once: AUTO, CRON, or "" for the panel's default.
    start: str = ""
    #: The last outcome of that, None before the first time.
    start_learned: Learned | None = None
    #: Which agents its accounts get (controller.db.machines.channels).
    channel: str = "stable"

    @property
    def machine(self) -> Machine | None:
        """The machine on which its accounts live, None where that was never noted."""
        noted = self.settings.get(MACHINE)
        return None if noted is None else Machine(**noted)

    def on(self, machine: Machine) -> Server:
        """Return the server with its accounts on `machine`."""
        return replace(self, settings={**self.settings, MACHINE: vars(machine)})


def of_columns(columns: Mapping[Any, Any]) -> Server:
    """Return the server that a row is."""
    values = dict(columns)
    del values["created_at"], values["locked_told_by"]
    learned = values["start_learned"]
    values["start_learned"] = None if learned is None else Learned(**json.loads(learned))
    return Server(**{**values, "settings": json.loads(values["settings"])})


def add(connection: sa.Connection, server: Server, now: float) -> None:
    """Add a server. Raises ShoplaunchError `name_taken`."""
    if connection.execute(sa.select(servers.c.name).where(servers.c.name == server.name)).first():
        raise ShoplaunchError("name_taken", f"there is a server {server.name!r} already")
    values = {**vars(server), "settings": json.dumps(dict(server.settings), sort_keys=True), "created_at": now}
    values["start_learned"] = None
    connection.execute(sa.insert(servers).values(**values))


def change(connection: sa.Connection, server: Server) -> None:
    """Write the server's token, certificates and settings. Raises ShoplaunchError `server_unknown`."""
    values = {"token_encrypted": server.token_encrypted, "ca_file": server.ca_file}
    values["settings"] = json.dumps(dict(server.settings), sort_keys=True)
    query = sa.update(servers).where(servers.c.name == server.name)
    if connection.execute(query.values(**values)).rowcount == 0:
        raise ShoplaunchError("server_unknown", f"there is no server {server.name[:80]!r}")


def choose_start(connection: sa.Connection, name: str, start: str) -> None:
    """Set AUTO or CRON as the way agents start there, and forget earlier outcomes. Raises ShoplaunchError
    `server_unknown`."""
    query = sa.update(servers).where(servers.c.name == name).values(start=start, start_learned=None)
    if connection.execute(query).rowcount == 0:
        raise ShoplaunchError("server_unknown", f"there is no server {name[:80]!r}")


def note_start(connection: sa.Connection, name: str, way: str, reason: str, now: float, account: str = "") -> None:
    """Note the outcome of starting the agent of `account` at once on the server. Where agents have reported that this
    way is in vain, only a report of another one ends that."""
    known = _learned(connection, name)
    if way and known is not None and known.way == way and known.reason:
        return
    _note(connection, name, known, Learned(way, reason, now, now, 1, account))


def note_report(connection: sa.Connection, name: str, way: str, reason: str, now: float, account: str) -> None:
    """Note what the agents of `account` reported about such a start by `way`: "", or the `reason` why it was in
    vain."""
    _note(connection, name, _learned(connection, name), Learned(way, reason, now, now, 1, account))


def _learned(connection: sa.Connection, name: str) -> Learned | None:
    text = connection.execute(_LEARNED, {"wanted": name}).scalar()
    return None if text is None else Learned(**json.loads(text))


def _note(connection: sa.Connection, name: str, known: Learned | None, new: Learned) -> None:
    """Write `new`, which came of one account, after `known`."""
    if known is not None and (known.way, known.reason) == (new.way, new.reason):
        is_another = new.account != known.account and known.accounts < MOST_ACCOUNTS
        if not is_another and new.at - known.at < _SAME_SECONDS:
            return
        new = new._replace(since=known.since, accounts=known.accounts + is_another)
    learned = json.dumps(new._asdict(), sort_keys=True)
    connection.execute(sa.update(servers).where(servers.c.name == name).values(start_learned=learned))


def find(connection: sa.Connection, name: str, hold: Hold = Hold.NOT) -> Server | None:
    """Return the server, None when there is none."""
    row = connection.execute(_BY_NAME[hold], {"wanted": name}).first()
    return None if row is None else of_columns(row._mapping)


def get(connection: sa.Connection, name: str, hold: Hold = Hold.NOT) -> Server:
    """Return the server. Raises ShoplaunchError `server_unknown`."""
    found = find(connection, name, hold)
    if found is None:
        raise ShoplaunchError("server_unknown", f"there is no server {name[:80]!r}")
    return found


def listed(connection: sa.Connection) -> list[Server]:
    """Return all servers by name."""
    return [of_columns(row._mapping) for row in connection.execute(sa.select(servers).order_by(servers.c.name))]


def remove(connection: sa.Connection, name: str) -> None:
    """Forget the server, that it failed, and its slots."""
    connection.execute(sa.delete(server_breakers).where(server_breakers.c.server == name))
    connection.execute(sa.delete(server_slots).where(server_slots.c.server == name))
    connection.execute(sa.delete(servers).where(servers.c.name == name))


def locked(connection: sa.Connection, name: str) -> str | None:
    """Return why the server must not be called, None when it may be."""
    columns = (servers.c.locked_at, servers.c.locked_reason)
    row = connection.execute(sa.select(*columns).where(servers.c.name == name)).first()
    return None if row is None or row.locked_at is None else str(row.locked_reason)


def lock(connection: sa.Connection, name: str, reason: str, now: float) -> None:
    """Lock the server: it must not be called. The first reason stays."""
    query = sa.update(servers).where(servers.c.name == name, servers.c.locked_at.is_(None))
    connection.execute(query.values(locked_at=now, locked_reason=reason[:500], **_NOT_ALARMED))


def unlock(connection: sa.Connection, name: str) -> None:
    """Unlock the server: it may be called again."""
    query = sa.update(servers).where(servers.c.name == name)
    connection.execute(query.values(locked_at=None, locked_reason="", **_NOT_ALARMED))


def claim_lock_alarm(connection: sa.Connection, name: str, job: str, now: float) -> bool:
    """Claim for the alarm of `job` to notify the operator of the server's lock; return whether it may: the first that
    asks, or a later one when the first will not be delivered any more."""
    dropped = sa.exists().where(jobs.c.id == servers.c.locked_told_by, jobs.c.alarm == "")
    free = sa.or_(servers.c.locked_told_at.is_(None), dropped)
    query = sa.update(servers).where(servers.c.name == name, servers.c.locked_at.is_not(None), free)
    return connection.execute(query.values(locked_told_at=now, locked_told_by=job)).rowcount == 1


def lock_alarm_delivered(connection: sa.Connection, job: str) -> None:
    """Note that the alarm of `job` is delivered, and with it that of a server's lock it reports."""
    connection.execute(sa.update(servers).where(servers.c.locked_told_by == job).values(locked_told_by=None))
