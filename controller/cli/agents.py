"""`shoplaunch agent build|list|status|keep|follow|roll-out|stop|remove`: what accounts get, and which get which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from controller.agent_archive import versions
from controller.agent_archive.build import build_agent, read_keys
from controller.cli.terminal.confirmation import confirm, confirm_replacing, replace_option, yes_option
from controller.cli.terminal.given_file import GivenFile
from controller.cli.terminal.output import errors_shown, json_option, print_rows
from controller.db.machines import channels
from controller.db.machines.channels import Outcomes
from controller.settings.loading import load_config
from controller.setup import agent_channels, inventory
from controller.timestamps import iso

_VERSIONS = (("version", "Version"), ("installed", "Installed"), ("channels", "Channels"))
_CHANNELS = (
    ("channel", "Channel"), ("servers", "Servers"), ("agent", "Agent"), ("next", "Rolled out"), ("share", "Share"),
    ("since", "Since"), ("with_next", "Failed with it"), ("with_others", "With others"), ("stopped", "Stopped"),
)  # fmt: skip
_channel_option = click.option("--channel", default=channels.DEFAULT, show_default=True, help="Of which servers.")


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    group.add_command(agent)


@click.group()
def agent() -> None:
    """The agent that works in the accounts."""


@agent.command()
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The archive to write."
)
@click.option(
    "--keys-from",
    type=GivenFile(path_type=Path),
    multiple=True,
    help="File with Ed25519 public keys in hexadecimal, one a line, newest last; default: this installation's own.",
)
@click.option(
    "--python",
    "pythons",
    type=GivenFile(),
    multiple=True,
    help="A Python the agent is compiled for besides this one, for accounts that have the same version; default: the"
    " agent_pythons of this installation, with its own keys.",
)
@replace_option
@errors_shown
def build(output: Path, keys_from: tuple[Path, ...], pythons: tuple[str, ...], replace: bool) -> None:
    """Build the agent from its sources, the pinned libraries and the controller's public keys."""
    keys = [key for path in keys_from for key in read_keys(path)] if keys_from else inventory.public_keys(load_config())
    confirm_replacing(output, replace)
    digest = build_agent(output, keys, pythons=pythons or (() if keys_from else load_config().agent_pythons))
    click.echo(f"{output}: {output.stat().st_size} bytes, {len(keys)} key(s), sha256 {digest}")


@agent.command("list")
@json_option
@errors_shown
def list_agents(as_json: bool) -> None:
    """List the agents that are kept side by side, and the channels that use them."""
    config = load_config()
    known = [one for one, *_more in agent_channels.listed(config)]
    installed = versions.installed(config.agent).version
    rows = [
        {"version": version, "installed": version == installed, "channels": ", ".join(_users(known, version))}
        for version in sorted({installed, *versions.kept(config.agent)})
    ]
    print_rows(rows, _VERSIONS, as_json=as_json, empty="")


def _users(known: list[channels.Channel], version: str) -> list[str]:
    found = [one.name for one in known if one.current == version]
    return found + [f"{one.name} ({one.share} %)" for one in known if one.next == version and one.stopped_at is None]


@agent.command()
@json_option
@errors_shown
def status(as_json: bool) -> None:
    """Show each channel's agent, how far the next one is rolled out, and how many jobs failed with either."""
    found = [agent_channels.row(*one) for one in agent_channels.listed(load_config())]
    shown = found if as_json else [_shown(one) for one in found]
    print_rows(shown, _CHANNELS, as_json=as_json, empty="")


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    stopped = f"{iso(row['stopped_at'])}: {row['reason']}" if row["stopped_at"] is not None else None
    share = f"{row['share']} %" if row["next"] else None
    counted = {name: _of(Outcomes(**row[name])) if row["next"] else None for name in ("with_next", "with_others")}
    return {**row, **counted, "servers": ", ".join(row["servers"]), "share": share, "since": iso(row["began_at"]),
            "stopped": stopped}  # fmt: skip


def _of(found: Outcomes) -> str:
    return f"{found.failed} of {found.ended}"


@agent.command()
@click.option("--channel", help="Its servers stay with this agent, also after updates, until another is rolled out.")
@errors_shown
def keep(channel: str | None) -> None:
    """Keep the installed agent beside others."""
    click.echo(f"{agent_channels.keep(load_config(), channel)} is kept.")


@agent.command()
@_channel_option
@errors_shown
def follow(channel: str) -> None:
    """Use the installed agent in the channel, each new one at once, as without channels."""
    agent_channels.follow(load_config(), channel)
    click.echo(f"Channel {channel} gets each installed agent at once.")


@agent.command("roll-out")
@click.argument("version", required=False)
@_channel_option
@click.option("--share", type=click.Choice([str(one) for one in channels.SHARES]), help="Percent; by default one more.")
@errors_shown
def roll_out(version: str | None, channel: str, share: str | None) -> None:
    """Give VERSION, or the installed agent, to 1 % of the channel's jobs, then to 10 %, then to all.

    Each call is one step. Which jobs get it depends on their ids alone. The roll-out stops by itself, with an alarm,
    when two jobs or more have failed with it, and more than before: more than are to be expected of as many jobs by the
    30 days before, and twice the root of that number. With all jobs it is over when 100 have ended, or at the next.
    """
    found = agent_channels.roll_out(load_config(), channel, version, None if share is None else int(share))
    click.echo(f"Channel {channel}: {_rolled_out(found)}. See `shoplaunch agent status`.")


def _rolled_out(channel: channels.Channel) -> str:
    if channel.is_everywhere:
        return f"all its jobs get {channel.next}; until {channels.PROVEN_BY} of them have ended it may stop by itself"
    if channel.next:
        return f"{channel.share} % of its jobs get {channel.next}"
    return f"all its jobs get {channel.current}"


@agent.command()
@_channel_option
@errors_shown
def stop(channel: str) -> None:
    """End the channel's roll-out: all its jobs get the agent from before."""
    agent_channels.stop(load_config(), channel)
    click.echo(f"Channel {channel}: all its jobs get the agent from before.")


@agent.command()
@click.argument("version")
@yes_option
@errors_shown
def remove(version: str, yes: bool) -> None:
    """Remove the kept agent VERSION; refused while a channel needs it."""
    config = load_config()
    versions.require_part(config.agent, version)
    confirm(f"The agent {version} is removed. Continue?", yes)
    agent_channels.remove(config, version)
    click.echo(f"{version} is removed.")
