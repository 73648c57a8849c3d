"""`shoplaunch server add|set|list|remove|check`: the servers and the abilities of their panels."""

from __future__ import annotations

import functools
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from controller.cli.servers import rows as server_rows
from controller.cli.servers import starts as server_starts
from controller.cli.terminal.confirmation import confirm, yes_option
from controller.cli.terminal.given_file import GivenFile
from controller.cli.terminal.output import FAILED, OK, PARTLY_DONE, errors_shown, json_option, print_json, print_rows
from controller.db.machines import servers as rows
from controller.db.machines.breakers import Breaker
from controller.db.machines.servers import Server
from controller.panels.base import Check
from controller.panels.registry import PANELS, is_here, open_panel, starts
from controller.settings.loading import load_config
from controller.settings.sections import Config
from controller.setup import inventory, machines, removal
from controller.timestamps import iso

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
CHANNEL = re.compile(r"[a-z0-9][a-z0-9-]{0,19}\Z")
_COLUMNS = (
    ("name", "Name"),
    ("panel", "Panel"),
    ("url", "Address"),
    ("user", "User"),
    ("state", "State"),
    ("reason", "Why"),
    ("start", "Start"),
    ("last_start", "Last start"),
    ("channel", "Channel"),
    ("machine", "Machine"),
)
_CHECK_COLUMNS = (("name", "Check"), ("state", "State"), ("message", "Found"), ("advice", "What to do"))


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    group.add_command(server)


@click.group()
def server() -> None:
    """The servers whose accounts get shops."""


#: Panels that are called at an address, with a login.
_CALLED = [kind for kind in PANELS.values() if not kind.is_here]
_TITLES = ", ".join(kind.title for kind in _CALLED)
_FILE = GivenFile(path_type=Path)
_token_option = click.option("--token-file", type=_FILE, help=f"{_TITLES}: file with the API token of --user")
_own_token_option = click.option(
    "--cpanel-token-file",
    type=_FILE,
    help="cPanel: file with an API token of the reseller's own cPanel account (--token-file is WHM's), for skeletons",
)
_ca_option = click.option("--ca", type=_FILE, help=f"{_TITLES}: certificates (PEM) its own is verified with")
_start_option = click.option(
    "--start",
    type=click.Choice([rows.AUTO, rows.CRON]),
    help="auto: agents start at once where that can be; cron: at cron's next tick",
)
_here_option = click.option(
    "--here",
    "here",
    is_flag=True,
    help="local: its accounts live on this machine from now on; no worker of another one touches its jobs",
)
_channel_choice = click.option("--channel", help="Which agents its accounts get; see `agent status`. Default: stable.")
_settings_option = click.option("--option", "options", multiple=True, metavar="KEY=VALUE", help=f"{_TITLES}: a setting")
_HELP = "\n\n".join(
    ["Make the server NAME known.", *(f"Settings of {kind.title} servers: {kind.settings_help}" for kind in _CALLED)]
)


def _each(name: str) -> str:
    """Return what each kind of panel says of one option: the field `name` of the registry's entries."""
    return "; ".join(f"{kind.title}: {getattr(kind, name)}" for kind in _CALLED)


@server.command(help=_HELP)
@click.argument("name")
@click.option("--panel", type=click.Choice(list(PANELS)), required=True)
@click.option("--url", help=_each("url_help"))
@click.option("--user", help=_each("user_help"))
@_token_option
@_own_token_option
@_ca_option
@_settings_option
@_start_option
@errors_shown
def add(name: str, panel: str, url: str | None, user: str | None, start: str | None, **given: Any) -> None:
    """Add the server: its panel's kind, and what the registry says that kind is asked for."""
    if not NAME.match(name):
        raise click.UsageError("a server's name is letters, digits, dots, dashes and underscores; at most 63")
    kind, of_the_panel = PANELS[panel], server_rows.PanelOptions(**given)
    if kind.is_here and any((url, user, of_the_panel)):
        raise click.UsageError(
            f"the {kind.title} panel is this very machine and takes none of --url, --user, --token-file, "
            "--cpanel-token-file, --ca, --option"
        )
    config = load_config()
    inventory.require_database(config)
    row = Server(name=name, panel=panel)
    if not kind.is_here:
        if not (url and user and of_the_panel.token_file):
            raise click.UsageError(f"a {kind.title} server needs --url, --user and --token-file")
        row = server_rows.changed(config, row, of_the_panel)
        row = replace(row, url=kind.opening.address(url), user=kind.opening.login_name(user))
    # Unusable settings are reported now and not at the first order.
    open_panel(config, row)
    row = replace(row, start=server_starts.asked(panel, start))
    inventory.add_server(config, row)
    click.echo(f"{name} added. See `shoplaunch server check {name}`.")
    _warn_of_namesakes(config, row)


@server.command(name="set")
@click.argument("name")
@_token_option
@_own_token_option
@_ca_option
@_settings_option
@_start_option
@_channel_choice
@_here_option
@errors_shown
def change(name: str, start: str | None, channel: str | None, *, here: bool, **given: Any) -> None:
    """Change how agents start on the server NAME, or token, certificates and settings of a cPanel server; `--option
    KEY=` takes a setting back. `--start` also forgets what was learned of starting agents there. `--here` moves no
    account: bring the accounts of a `local` server to this machine first.

    `server add --help` lists the settings, among them public_ip: the address to which name servers lead visitors, when
    sites answer elsewhere from here (NAT); without it https is never switched on automatically there.
    """
    config = load_config()
    row = inventory.get_server(config, name)
    of_the_panel = server_rows.PanelOptions(**given)
    if of_the_panel and is_here(row.panel):
        raise click.UsageError(f"only {_TITLES} servers have a token and settings of their own")
    if here and not is_here(row.panel):
        raise click.UsageError(f"{_TITLES} servers belong to no machine of the controller's")
    if channel is not None and not CHANNEL.match(channel):
        raise click.UsageError("a channel's name is small letters, digits and dashes; at most 20")
    if not of_the_panel and start is None and channel is None and not here:
        raise click.UsageError(
            "say what changes: --start, --channel, --here, --option, --ca, --token-file or --cpanel-token-file"
        )
    changed = functools.partial(server_rows.changed, config, given=of_the_panel) if of_the_panel else None
    if changed is not None:
        open_panel(config, changed(row))
    if changed is not None or start is not None:
        inventory.change_server(config, name, start, changed)
    if channel is not None:
        inventory.choose_channel(config, name, channel)
    if here:
        inventory.move_here(config, name)
    click.echo(f"{name} changed. See `shoplaunch server check {name}`.")


def _warn_of_namesakes(config: Config, row: Server) -> None:
    """Warn about servers with the same host: billing names servers by it, so their orders cannot be distinguished."""
    host = urlsplit(row.url).hostname
    same = [
        one.name
        for one in inventory.list_servers(config)
        if one.name != row.name and urlsplit(one.url).hostname == host
    ]
    if host and same:
        click.echo(f"Note: {host} is also the host of {', '.join(same)}; orders that name only the host are refused.")


@server.command(name="list")
@json_option
@errors_shown
def list_servers(as_json: bool) -> None:
    """List the servers."""
    config = load_config()
    opened = inventory.open_breakers(config)
    shown = [_listed(one, opened.get(one.name)) for one in inventory.list_servers(config)]
    print_rows(shown, _COLUMNS, as_json=as_json, empty="No servers yet. See `shoplaunch server add --help`.")


def _listed(row: Server, breaker: Breaker | None) -> dict[str, object]:
    """Return a server's row for the list, without its token; `breaker` is its open one."""
    shown = {"name": row.name, "panel": row.panel, "url": row.url, "user": row.user}
    state, reason = "ready" if row.locked_at is None else "locked", row.locked_reason
    if row.locked_at is None and breaker is not None:
        state, reason = "failing", f"{breaker.reason}; next look {iso(breaker.next_at)}"
    started = {"start": starts(row), "last_start": server_starts.last(row)}
    machine = "" if row.machine is None else row.machine.host
    return {**shown, "state": state, "reason": reason, **started, "channel": row.channel, "machine": machine}


@server.command()
@click.argument("name")
@yes_option
@errors_shown
def remove(name: str, yes: bool) -> None:
    """Forget the server NAME, its token too; refused while jobs, shops that live or keys need it."""
    config = load_config()
    inventory.require_database(config)
    removal.require_unused_server(config, name)
    confirm(f"The server {name} and its token are forgotten. Continue?", yes)
    removal.server(config, name)
    click.echo(f"{name} is removed.")


@server.command()
@click.argument("name")
@json_option
@errors_shown
def check(name: str, as_json: bool) -> None:
    """Look whether the server NAME has everything; exit code 3 when something is missing, 1 when it is unusable."""
    config = load_config()
    row = inventory.get_server(config, name)
    other = machines.elsewhere_check(row)
    # A panel elsewhere is not looked at: its checks would be this machine's
    found = [other] if other is not None else [*open_panel(config, row).check()]
    found.append(server_starts.check(row, inventory.now(config)))
    if as_json:
        print_json([vars(row) for row in found])
    else:
        print_rows([_shown(row) for row in found], _CHECK_COLUMNS, as_json=False, empty="Nothing to check.")
    if any(row.essential and not row.ok for row in found):
        sys.exit(FAILED)
    sys.exit(OK if all(row.ok or row.optional for row in found) else PARTLY_DONE)


def _shown(row: Check) -> dict[str, str]:
    state = "ok" if row.ok else "missing" if row.essential else "note"
    return {"name": row.name, "state": state, "message": row.message, "advice": row.advice if not row.ok else ""}
