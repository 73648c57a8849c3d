"""`shoplaunch skeleton install|status|remove|sweep`: the files that new accounts of a server are created with."""

from __future__ import annotations

import sys

import click

from controller.cli.terminal.confirmation import confirm, yes_option
from controller.cli.terminal.output import (
    PARTLY_DONE,
    errors_shown,
    json_option,
    print_facts,
    print_json,
    print_rows,
    show_error,
)
from controller.db.bundles import Bundle
from controller.panels.base import Panel, SkeletonFiles, SkeletonStatus
from controller.settings.loading import load_config
from controller.settings.sections import Config
from controller.setup import agent_channels, inventory
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError
from shared.job import FOLDER
from shared.plain_lines import escaped

_COST_COLUMNS = (
    ("name", "Package"), ("accounts", "Accounts"), ("held", "They would hold"), ("shops", "Shops"),
    ("fits", "Fits its quota"),
)  # fmt: skip


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    group.add_command(skeleton)


@click.group()
def skeleton() -> None:
    """What new accounts are created with: launcher, agent and, on request, a bundle."""


@skeleton.command()
@click.argument("server", required=False)
@click.option("--all", "everywhere", is_flag=True, help="On every server that has a skeleton, without bundles.")
@click.option("--with-bundle", "bundle", help="Also put this bundle into every new account.")
@yes_option
@errors_shown
def install(server: str | None, everywhere: bool, bundle: str | None, yes: bool) -> None:
    """Create new accounts of SERVER with launcher and agent, those of its channel; older versions are replaced.

    With --all exit code 3 when some servers could not be reached.
    """
    if everywhere == (server is not None) or (everywhere and bundle):
        raise click.UsageError("name one SERVER, or --all without a bundle")
    config = load_config()
    if server is None:
        sys.exit(_install_everywhere(config))
    _install(config, server, bundle, yes=yes)


def _install_everywhere(config: Config) -> int:
    """Replace the skeletons that are there; a bundle in one stays. Return the exit code."""
    failed = 0
    for row in inventory.list_servers(config):
        try:
            panel = inventory.panel_of(config, row.name)
            found = panel.skeleton_status()
            if found.launcher_sha256 is None and found.agent_sha256 is None:
                click.echo(f"{row.name}: nothing installed")
                continue
            if found.bundle_sha256 is not None:
                click.echo(f"{row.name}: has a bundle: `shoplaunch skeleton install {row.name} --with-bundle NAME`")
                failed += 1
                continue
            own = agent_channels.files_for(config, row.name)
            panel.ensure_skeleton(SkeletonFiles(launcher=own.launcher, agent=own.agent))
            click.echo(f"{row.name}: {own.version}")
        except ShoplaunchError as error:
            failed += 1
            show_error(error.code, f"{row.name}: {error.message}")
    return PARTLY_DONE if failed else 0


def _install(config: Config, server: str, bundle: str | None, *, yes: bool) -> None:
    panel = inventory.panel_of(config, server)
    _version, launcher, agent = agent_channels.files_for(config, server)
    known, path = inventory.bundle_file(config, bundle) if bundle else (None, None)
    cost = len(launcher) + len(agent) + (path.stat().st_size if path else 0)
    click.echo(f"Every new account will hold {_size(cost)} for it until its shop is ready or `skeleton sweep` is run.")
    if known is not None:
        _show_cost(panel, cost)
        _show_readers(known)
        confirm(f"Put the bundle {bundle} into every new account?", yes)
    files = SkeletonFiles(launcher=launcher, agent=agent, bundle_path=str(path) if path else None)
    _show(panel.ensure_skeleton(files), launcher, agent, as_json=False)


@skeleton.command()
@click.argument("server")
@json_option
@errors_shown
def status(server: str, as_json: bool) -> None:
    """Show what new accounts of SERVER are created with."""
    config = load_config()
    _version, launcher, agent = agent_channels.files_for(config, server)
    _show(inventory.panel_of(config, server).skeleton_status(), launcher, agent, as_json=as_json)


@skeleton.command()
@click.argument("server")
@yes_option
@errors_shown
def remove(server: str, yes: bool) -> None:
    """Create new accounts of SERVER without launcher and agent. Existing accounts keep theirs; see `sweep`."""
    panel = inventory.panel_of(load_config(), server)
    confirm(f"New accounts of {server} are created without launcher and agent. Continue?", yes)
    panel.remove_skeleton()
    click.echo(f"New accounts of {server} are created without launcher and agent.")


@skeleton.command()
@click.argument("server")
@yes_option
@errors_shown
def sweep(server: str, yes: bool) -> None:
    """Clear ~/.shoplaunch of accounts of SERVER that never had a job; exit code 3 when some could not be cleared."""
    config = load_config()
    panel = inventory.panel_of(config, server)
    busy = inventory.busy_accounts(config, server)
    idle, failed = [], 0
    for account in panel.list_accounts():
        if account.user in busy:
            continue
        try:
            if panel.list_folder(account, FOLDER) is not None:
                idle.append(account)
        except ShoplaunchError as error:
            failed += 1
            show_error(error.code, error.message)
    if idle:
        confirm(f"Clear {len(idle)} account(s): {escaped(', '.join(account.user for account in idle))}?", yes)
    for account in idle:
        # An order may have come in during the question.
        if account.user in inventory.busy_accounts(config, server):
            continue
        try:
            panel.remove_agent(account)
            click.echo(f"{escaped(account.user)}: cleared")
        except ShoplaunchError as error:
            failed += 1
            show_error(error.code, error.message)
    if not idle and not failed:
        click.echo("Nothing to clear.")
    sys.exit(PARTLY_DONE if failed else 0)


def _show_readers(bundle: Bundle) -> None:
    """Print who can copy a bundle that new accounts are created with."""
    click.echo(
        f"Every account created from now on can copy the bundle {bundle.name}, with or without a shop. "
        "Left out of the skeleton, it goes only to accounts with a job: their agents fetch it from here."
    )
    if bundle.paid:
        click.echo(f"The bundle {bundle.name} is marked as paid: does its licence allow that?")


def _show_cost(panel: Panel, cost: int) -> None:
    """Print how much space the present number of accounts would use, and in which plans it would be of no use."""
    found = panel.packages()
    if not found:
        count = len(panel.list_accounts())
        click.echo(f"There are {count} accounts now; as many new ones would hold {_size(cost * count)}.")
        return
    shown = [
        {
            "name": one.name,
            "accounts": one.accounts,
            "held": _size(cost * one.accounts),
            "shops": "yes" if one.sells_shops else "no",
            "fits": "no" if one.quota_bytes is not None and one.quota_bytes < cost else "yes",
        }
        for one in found
    ]
    print_rows(shown, _COST_COLUMNS, as_json=False, empty="")
    total = sum(one.accounts for one in found)
    click.echo(f"There are {total} accounts now; as many new ones would hold {_size(cost * total)}.")
    idle = [one.name for one in found if not one.sells_shops]
    if idle:
        click.echo(f"Accounts of these packages get no shop and hold it all the same: {escaped(', '.join(idle))}.")


def _show(found: SkeletonStatus, launcher: bytes, agent: bytes, *, as_json: bool) -> None:
    current = (found.launcher_sha256, found.agent_sha256) == (sha256_hex(launcher), sha256_hex(agent))
    if as_json:
        print_json({**vars(found), "current": current})
        return
    absent = found.launcher_sha256 is None and found.agent_sha256 is None
    state = "nothing installed" if absent else "current" if current else "outdated: run `skeleton install` again"
    facts = [("State", state), ("Launcher", found.launcher_sha256), ("Agent", found.agent_sha256)]
    facts += [("Bundle", f"{found.bundle_sha256} ({_size(found.bundle_bytes)})" if found.bundle_sha256 else None)]
    print_facts(facts)


def _size(count: int) -> str:
    if count >= 1024**3:
        return f"{count / 1024**3:.1f} GiB"
    return f"{count / 1024**2:.1f} MiB" if count >= 1024**2 else f"{count / 1024:.0f} KiB"
