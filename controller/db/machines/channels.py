"""Queries on channels: which agent the accounts of a server get, and how far the next one is rolled out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from controller.db.tables import agent_channels, jobs, servers
from shared.errors import ShoplaunchError

#: The channel of servers that were given none.
DEFAULT = "stable"
#: Percent of the jobs that get the next agent, one share after the other.
SHARES = (1, 10, 100)
#: With the last share the roll-out is over once so many jobs have ended with the next agent; it may stop until then.
PROVEN_BY = 100
#: How far back jobs count as those before.
BEFORE_SECONDS = 30 * 86400.0
_ENDED, _FAILED = ("live", "failed", "stalled"), ("failed", "stalled")


@dataclass(frozen=True)
class Channel:
    """A channel as its row says. `current` "" is the installed agent, `next` "" no roll-out."""

    name: str
    current: str = ""
    next: str = ""
    share: int = 0
    began_at: float | None = None
    #: Since when and why the roll-out has stopped by itself.
    stopped_at: float | None = None
    reason: str = ""
    #: The operator's alarm of that: "", "wanted", "told".
    alarm: str = ""

    def agent_for(self, job: str) -> str:
        """Return the version that the job of this id gets: the same at every try while the share only grows."""
        is_next = self.next != "" and self.stopped_at is None and bucket(job) < self.share
        return self.next if is_next else self.current

    @property
    def is_everywhere(self) -> bool:
        """Return whether all jobs get the next agent."""
        return self.next != "" and self.stopped_at is None and self.share >= SHARES[-1]


class Outcomes(NamedTuple):
    """How many jobs have ended, and how many of these failed."""

    ended: int
    failed: int


def bucket(job: str) -> int:
    """Return a number from 0 to 99 that depends on the job's id alone."""
    return int(hashlib.sha256(job.encode()).hexdigest()[:8], 16) % 100


def of_columns(columns: Mapping[Any, Any]) -> Channel:
    """Return the channel that a row is."""
    return Channel(**columns)


def get(connection: sa.Connection, name: str, *, lock: bool = False) -> Channel:
    """Return the channel, with `lock` to be changed; one without a row uses the installed agent."""
    query = sa.select(agent_channels).where(agent_channels.c.name == name)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return Channel(name) if row is None else of_columns(row._mapping)


def listed(connection: sa.Connection) -> list[Channel]:
    """Return the channels by name: those of servers, and those with a row."""
    rows = {row.name: of_columns(row._mapping) for row in connection.execute(sa.select(agent_channels))}
    names = {DEFAULT, *connection.execute(sa.select(servers.c.channel)).scalars(), *rows}
    return [rows.get(name, Channel(name)) for name in sorted(names)]


def servers_of(connection: sa.Connection, name: str) -> list[str]:
    """Return the names of the channel's servers."""
    return list(connection.execute(sa.select(servers.c.name).where(servers.c.channel == name)).scalars())


def write(connection: sa.Connection, channel: Channel) -> None:
    """Write the channel's row."""
    values = {name: value for name, value in vars(channel).items() if name != "name"}
    query = sa.update(agent_channels).where(agent_channels.c.name == channel.name).values(**values)
    if connection.execute(query).rowcount == 0:
        connection.execute(sa.insert(agent_channels).values(name=channel.name, **values))


def choose(connection: sa.Connection, server: str, channel: str) -> None:
    """Put the server into the channel. Raises ShoplaunchError `server_unknown`."""
    query = sa.update(servers).where(servers.c.name == server).values(channel=channel)
    if connection.execute(query).rowcount == 0:
        raise ShoplaunchError("server_unknown", f"there is no server {server[:80]!r}")


def rolling_out(connection: sa.Connection) -> list[Channel]:
    """Return the channels with a roll-out under way, and those whose operator is still to be alarmed."""
    is_due = sa.or_(agent_channels.c.next != "", agent_channels.c.alarm == "wanted")
    return [of_columns(row._mapping) for row in connection.execute(sa.select(agent_channels).where(is_due))]


def outcomes(connection: sa.Connection, channel: Channel) -> tuple[Outcomes, Outcomes]:
    """Return what became of the jobs with the channel's next agent since its roll-out began, and of those with others
    on its servers, since 30 days before that."""
    began = channel.began_at or 0.0
    is_next = sa.and_(jobs.c.agent == channel.next, jobs.c.dropped_at >= began)
    failed = sa.func.sum(sa.case((jobs.c.state.in_(_FAILED), 1), else_=0))
    of_both = (
        sa.select(sa.case((is_next, 1), else_=0).label("is_next"), sa.func.count(), failed)
        .select_from(jobs.join(servers, servers.c.name == jobs.c.server))
        .where(servers.c.channel == channel.name, jobs.c.dropped_at >= began - BEFORE_SECONDS)
        .where(jobs.c.state.in_(_ENDED))
        .group_by("is_next")
    )
    found = {row[0]: Outcomes(int(row[1]), int(row[2])) for row in connection.execute(of_both)}
    return found.get(1, Outcomes(0, 0)), found.get(0, Outcomes(0, 0))
