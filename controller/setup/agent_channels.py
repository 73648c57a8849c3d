"""Which agents accounts get: versions side by side, channels of servers, roll-outs; the audit log notes each change."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from controller.access.actor import command_line
from controller.agent_archive import versions
from controller.agent_archive.versions import AgentFiles
from controller.db.connection.clock import database_now
from controller.db.connection.engine import reading
from controller.db.machines import channels, servers
from controller.db.machines.channels import Channel, Outcomes
from controller.settings.sections import Config
from shared.errors import ShoplaunchError


def listed(config: Config) -> list[tuple[Channel, list[str], Outcomes, Outcomes]]:
    """Return each channel with its servers, and the outcomes of its next agent and of those before."""
    with reading(command_line(config).engine) as connection:
        return [
            (one, channels.servers_of(connection, one.name), *channels.outcomes(connection, one))
            for one in channels.listed(connection)
        ]


def files_for(config: Config, server: str) -> AgentFiles:
    """Return the agent that new accounts of the server are created with. Raises `server_unknown`, `agent_not_built`."""
    with reading(command_line(config).engine) as connection:
        channel = channels.get(connection, servers.get(connection, server).channel)
    return versions.files(config.agent, channel.current)


def keep(config: Config, channel: str | None) -> str:
    """Keep the installed agent beside others, and stay with it in `channel`, if one is named; return its version."""
    actor = command_line(config)
    with versions.alone_with_agents(config.agent):
        version = versions.keep(config.agent)

        def work(connection: sa.Connection) -> None:
            if channel is not None:
                channels.write(connection, Channel(channel, current=version))

        actor.change("agent keep", f"{version} {channel or ''}".strip(), work)
    return version


def follow(config: Config, channel: str) -> None:
    """Use the installed agent in `channel`, each new one at once."""
    command_line(config).change(
        "agent follow", channel, lambda connection: channels.write(connection, Channel(channel))
    )


def roll_out(config: Config, channel: str, version: str | None, share: int | None) -> Channel:
    """Give `version` (default: the one being rolled out, else the installed one) to `share` percent of the channel's
    jobs (default: the next larger share); return the channel. After the last share the agent is the channel's own.

    Raises ShoplaunchError `agent_unknown`, `roll_out_impossible` without another agent to compare with.
    """
    actor = command_line(config)

    def work(connection: sa.Connection) -> Channel:
        known = channels.get(connection, channel, lock=True)
        wanted = version or ("" if known.is_everywhere else known.next) or own or ""
        versions.require(config.agent, wanted)
        found = advanced(known, wanted, share, database_now(connection))
        channels.write(connection, found)
        return found

    with versions.alone_with_agents(config.agent):
        own = None if version is not None else versions.keep(config.agent)
        return actor.change("agent roll-out", f"{channel} {version or ''} {share or ''}".strip(), work)


def advanced(known: Channel, version: str, share: int | None, now: float) -> Channel:
    """Return the channel after one more step of its roll-out, the last of which ends it.

    Raises ShoplaunchError `roll_out_impossible`.
    """
    if known.is_everywhere:
        # The agent that was rolled out to all is the channel's current one
        known = Channel(known.name, current=known.next)
        if version == known.current:
            return known
    if known.current == "":
        raise ShoplaunchError("roll_out_impossible", f"channel {known.name} gets each installed agent at once")
    if known.current == version:
        raise ShoplaunchError("roll_out_impossible", f"channel {known.name} has {version} already")
    goes_on = known.next == version and known.stopped_at is None
    wanted = share or next(one for one in channels.SHARES if one > (known.share if goes_on else 0))
    # Outcomes count from the beginning of the roll-out, whatever its share is by now
    return Channel(known.name, known.current, version, wanted, known.began_at if goes_on else now)


def stop(config: Config, channel: str) -> None:
    """End the channel's roll-out: all its jobs get the agent from before."""

    def work(connection: sa.Connection) -> None:
        known = channels.get(connection, channel, lock=True)
        channels.write(connection, replace(Channel(channel), current=known.current))

    command_line(config).change("agent stop", channel, work)


def remove(config: Config, version: str) -> None:
    """Remove a kept agent. Raises ShoplaunchError `agent_unknown`, `in_use`; OSError."""
    versions.require_part(config.agent, version)

    def work(connection: sa.Connection) -> None:
        for one in channels.listed(connection):
            if version in (one.current, one.next):
                raise ShoplaunchError("in_use", f"agent {version} is needed by channel {one.name}")

    with versions.alone_with_agents(config.agent):
        command_line(config).change("agent remove", version, work)
        versions.remove(config.agent, version)


def row(channel: Channel, own: list[str], new: Outcomes, before: Outcomes) -> dict[str, object]:
    """Return what is shown of a channel."""
    return {
        "channel": channel.name,
        "servers": own,
        "agent": channel.current or "installed",
        "next": channel.next or None,
        "share": channel.share,
        "began_at": channel.began_at,
        "stopped_at": channel.stopped_at,
        "reason": channel.reason,
        "with_next": new._asdict(),
        "with_others": before._asdict(),
    }
