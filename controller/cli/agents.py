"""`shoplaunch agent build`: the archive that new accounts get."""

from __future__ import annotations

from pathlib import Path

import click

from controller.agent_archive.build import build_agent, read_keys
from controller.cli.terminal.confirmation import confirm_replacing, replace_option
from controller.cli.terminal.output import errors_shown
from controller.config import load_config
from controller.setup import inventory


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
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="File with Ed25519 public keys in hexadecimal, one a line, newest last; default: this installation's own.",
)
@click.option(
    "--python",
    "pythons",
    type=click.Path(exists=True, dir_okay=False),
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
