"""`shoplaunch key …`: the installation's own keys, and those of billing systems with their permissions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from controller.access import billing_keys
from controller.access.actor import command_line
from controller.cli.terminal.bars import Bars, console
from controller.cli.terminal.confirmation import confirm, yes_option
from controller.cli.terminal.output import errors_shown, json_option, print_json, print_rows
from controller.db.identities.api_keys import OPERATIONS, RATE, ApiKey
from controller.settings.loading import load_config
from controller.setup import installation, inventory, key_retirement
from controller.timestamps import iso
from shared import installed
from shared.plain_lines import escaped

#: A value of `--may`: only orders and queries.
_NOTHING = "nothing"
#: A value of `--server` and `--bundle`: removes the limit.
_ANY = "*"
_COLUMNS = (
    ("name", "Key"), ("servers", "Servers"), ("bundles", "Bundles"), ("may", "May"), ("rate", "A minute"),
    ("used_at", "Used last"), ("revoked_at", "Revoked"),
)  # fmt: skip
_TRAIL_COLUMNS = (("at", "When"), ("action", "What"), ("job", "Job"), ("detail", "About"))


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    group.add_command(key)


@click.group()
def key() -> None:
    """Keys: those that sign and encrypt, and those of billing systems."""


@key.command()
@yes_option
@errors_shown
def rotate(yes: bool) -> None:
    """Make newer keys in addition to the old ones, and an agent that knows them.

    Restart the service and run `skeleton install` afterwards; jobs under way go on.
    """
    config = load_config()
    inventory.public_keys(config)
    confirm("After the next restart, earlier agents refuse new jobs until `skeleton install` has run. Continue?", yes)
    installation.rotate_keys(config)
    skeletons = "`shoplaunch skeleton install SERVER` for every server"
    click.echo(f"To use the new keys, {installed.phrase('restart')}, and run {skeletons}, now.")


@key.command()
@yes_option
@click.option("--at-once", is_flag=True, help="Do not wait for jobs under way: they need `retry` afterwards.")
@errors_shown
def retire(yes: bool, at_once: bool) -> None:
    """End every key but the newest: what is stored is sealed and signed anew, then the old ones go.

    Run it when every `serve` and `worker` was restarted after `key rotate`; one that was broken off goes on at the next
    time. Sessions, and links to status pages and passwords, that were made with old keys end with the next restart.
    """
    config = load_config()
    if not yes:
        click.echo("Operators have to sign in again; links to clients' pages in mails sent before `key rotate` end.")
    confirm("Was every `serve` and `worker` restarted after `key rotate`?", yes)
    with Bars(console()) as bars:
        done = key_retirement.retire(
            config, lambda known: installation.install_agent(config, known), bars, at_once=at_once
        )
    if done is None:
        click.echo("There are no old keys. `shoplaunch key rotate` makes newer ones.")
        return
    click.echo(f"Sealed anew: {done.sealed}. Signed anew: {done.signed}. The old keys are gone.")
    if done.unreadable:
        click.echo(f"Unreadable before, and still: {done.unreadable}", err=True)
    click.echo(f"Now {installed.phrase('restart')}, then `shoplaunch skeleton install SERVER` for every server.")


def _scope_options(command: Callable[..., object]) -> Callable[..., object]:
    """Add the options for a key's permissions to a command."""
    options = (
        click.option("--server", "servers", multiple=True, help="It may order for this server only; * for all."),
        click.option("--bundle", "bundles", multiple=True, help="It may order this bundle only; * for all."),
        click.option(
            "--may",
            multiple=True,
            type=click.Choice([*OPERATIONS, _ANY, _NOTHING]),
            help="It may do only this besides placing and querying orders; * for all.",
        ),
        click.option("--rate", type=click.IntRange(1), help=f"Requests a minute; {RATE} unless it is said."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _scope(
    servers: tuple[str, ...], bundles: tuple[str, ...], may: tuple[str, ...], rate: int | None
) -> dict[str, Any]:
    """Return the options of the key, as fields of ApiKey."""
    found: dict[str, Any] = {}
    for name, given in (("servers", servers), ("bundles", bundles), ("operations", may)):
        if given:
            found[name] = None if _ANY in given else tuple(sorted(set(given)))
    if _NOTHING in may:
        found["operations"] = tuple(one for one in found["operations"] or () if one != _NOTHING)
    return {**found, **({} if rate is None else {"rate": rate})}


def _show_secret(name: str, secret: str, as_json: bool) -> None:
    if as_json:
        print_json({"name": name, "secret": secret})
    else:
        click.echo(f"Key:    {name}\nSecret: {secret}  (shown this once)")


@key.command("add")
@click.argument("name")
@_scope_options
@json_option
@errors_shown
def add_key(name: str, as_json: bool, **scope: Any) -> None:
    """Add the key NAME for a billing system; its secret is shown this once.

    Without --server, --bundle and --may it may do everything that billing systems do.
    """
    secret = billing_keys.add(command_line(load_config()), ApiKey(name, **_scope(**scope)))
    _show_secret(name, secret, as_json)


@key.command("set")
@click.argument("name")
@_scope_options
@errors_shown
def set_key(name: str, **scope: Any) -> None:
    """Change what the key NAME may do; what is not said stays."""
    config, changes = load_config(), _scope(**scope)
    if not changes:
        raise click.UsageError("say what changes: --server, --bundle, --may or --rate")
    billing_keys.change(command_line(config), name, **changes)
    click.echo(f"{name} changed. See `shoplaunch key list`.")


@key.command("list")
@json_option
@errors_shown
def list_keys(as_json: bool) -> None:
    """List the keys of billing systems, what each may do, and when it was used last."""
    rows = [_row(found, as_json) for found in billing_keys.listed(command_line(load_config()))]
    print_rows(rows, _COLUMNS, as_json=as_json, empty="No key yet. Add one: shoplaunch key add NAME")


def _row(found: ApiKey, as_json: bool) -> dict[str, object]:
    lists = {"servers": found.servers, "bundles": found.bundles, "may": found.operations}
    return {
        "name": found.name,
        **{name: _list(values, as_json) for name, values in lists.items()},
        "rate": found.rate,
        **{name: iso(getattr(found, name)) for name in ("created_at", "used_at", "revoked_at")},
    }


def _list(values: tuple[str, ...] | None, as_json: bool) -> object:
    if as_json:
        return None if values is None else list(values)
    return "all" if values is None else ", ".join(values) or "none"


@key.command()
@click.argument("name")
@yes_option
@json_option
@errors_shown
def renew(name: str, yes: bool, as_json: bool) -> None:
    """Give the key NAME another secret, shown this once; its services stay, and the secret before ends at once."""
    config = load_config()
    billing_keys.in_use(command_line(config), name)
    confirm(f"What signs as {name} is refused until it has the new secret. Continue?", yes)
    _show_secret(name, billing_keys.renew(command_line(config), name), as_json)


@key.command()
@click.argument("name")
@yes_option
@errors_shown
def revoke(name: str, yes: bool) -> None:
    """Revoke the key NAME permanently: what it signs is refused at once. Its jobs go on."""
    config = load_config()
    billing_keys.in_use(command_line(config), name)
    confirm(f"Nothing that {name} signs is accepted any more, and this cannot be undone. Continue?", yes)
    billing_keys.revoke(command_line(config), name)
    click.echo(
        f"{name} is revoked. A key with another name takes its services over: `shoplaunch key adopt NEW --of {name}`."
    )


@key.command()
@click.argument("name")
@click.option("--of", "former", default="", help="The revoked key; default: services without a key.")
@yes_option
@errors_shown
def adopt(name: str, former: str, yes: bool) -> None:
    """Give the key NAME the services and jobs of a revoked key, or those without a key."""
    config = load_config()
    billing_keys.require_adoptable(command_line(config), name, former)
    confirm(f"{name} sees, retries and ends the services of {former or 'no key'} from now on. Continue?", yes)
    adopted = billing_keys.adopt(command_line(config), name, former)
    click.echo(f"{name} has {adopted.count} more services.")
    if adopted.left:
        click.echo(f"Left, for {name} has services of these numbers: {escaped(', '.join(adopted.left))}")


@key.command()
@click.argument("name")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@json_option
@errors_shown
def trail(name: str, limit: int, as_json: bool) -> None:
    """Show what the key NAME did and was refused, newest first."""
    found = billing_keys.trail(command_line(load_config()), name, limit)
    rows = [{**row._mapping, "at": iso(row.at)} for row in found]
    print_rows(rows, _TRAIL_COLUMNS, as_json=as_json, empty="Nothing yet.")
