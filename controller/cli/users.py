"""`shoplaunch user …`: the operators, who may sign in to the pages."""

from __future__ import annotations

from typing import TextIO
from urllib.parse import urlsplit

import click

from controller import installation, removal, second_factor
from controller import totp as codes_of_time
from controller.cli.confirmation import confirm, yes_option
from controller.cli.output import errors_shown, json_option, print_json, print_rows
from controller.config import load_config
from controller.db.operators import ROLES
from controller.jobs.view import iso
from shared.errors import ShoplaunchError

_COLUMNS = (("user", "Operator"), ("role", "May"), ("second_factor", "Second factor"), ("created_at", "Since"))
_password_option = click.option(
    "--password-file", type=click.File("r"), help="Where the password stands (- reads it); default: a new one."
)


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    group.add_command(user)


@click.group()
def user() -> None:
    """Operators, who may sign in to the pages."""


def _set_password(name: str, password_file: TextIO | None) -> None:
    given = password_file.read().strip() if password_file else None
    password = given or installation.new_password()
    installation.set_operator(load_config(), name, password)
    click.echo(f"Operator: {name}" + ("" if given else f"\nPassword: {password}  (shown this once)"))


@user.command("add")
@click.argument("name")
@_password_option
@click.option("--role", type=click.Choice(ROLES), help="What NAME may do; default: administer.")
@errors_shown
def add_user(name: str, password_file: TextIO | None, role: str | None) -> None:
    """Add operator NAME; one who is there keeps the password (see `shoplaunch user password`).

    Who may look sees everything; operate: also retries, cancels and sends orders again; administer: also closes shops
    and sets their passwords.
    """
    if name in installation.operators(load_config()):
        words = f"the operator {name} is there; `shoplaunch user password {name}` gives another password"
        raise ShoplaunchError("name_taken", words)
    _set_password(name, password_file)
    if role is not None:
        installation.set_role(load_config(), name, role)


@user.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@errors_shown
def change_role(name: str, role: str) -> None:
    """Change what operator NAME may do; one who may administer stays."""
    installation.set_role(load_config(), name, role)
    click.echo(f"{name} may {role}.")


@user.command()
@click.argument("name")
@click.option("--remove", is_flag=True, help="NAME signs in with the password alone again.")
@yes_option
@json_option
@errors_shown
def totp(name: str, remove: bool, yes: bool, as_json: bool) -> None:
    """Give operator NAME a second factor: codes of an app (TOTP). Its key and recovery codes are shown this once.

    Every session of NAME ends.
    """
    config = load_config()
    confirm(f"The second factor {name} has now ends, and so does every session. Go on?", yes)
    if remove:
        second_factor.end(config, name)
        click.echo(f"{name} signs in with the password alone.")
        return
    secret, codes = second_factor.begin(config, name)
    address = codes_of_time.address(secret, name, urlsplit(config.public_url).hostname or "Shoplaunch")
    if as_json:
        print_json({"user": name, "secret": secret, "address": address, "recovery_codes": codes})
        return
    click.echo(f"Key for the app: {secret}  (shown this once; time-based, 6 digits, 30 seconds)\nAddress: {address}")
    click.echo("Recovery codes, each good once where the app is lost:\n  " + "\n  ".join(codes))


@user.command("password")
@click.argument("name")
@_password_option
@yes_option
@errors_shown
def change_password(name: str, password_file: TextIO | None, yes: bool) -> None:
    """Give operator NAME another password; every session of NAME ends."""
    if name not in installation.operators(load_config()):
        raise ShoplaunchError("user_unknown", f"there is no operator {name[:80]!r}")
    confirm(f"The password {name} has now ends, and so does every session. Go on?", yes)
    _set_password(name, password_file)


@user.command("list")
@json_option
@errors_shown
def list_users(as_json: bool) -> None:
    """List the operators."""
    rows = [{**row._mapping, "created_at": iso(row.created_at)} for row in installation.operator_rows(load_config())]
    print_rows(rows, _COLUMNS, as_json=as_json, empty="No operator yet. Add one: shoplaunch user add NAME")


@user.command("remove")
@click.argument("name")
@yes_option
@errors_shown
def remove_user(name: str, yes: bool) -> None:
    """Remove operator NAME; every session of NAME ends. The last one stays."""
    config = load_config()
    confirm(f"{name} cannot sign in any more. Go on?", yes)
    removal.operator(config, name)
    click.echo(f"{name} is removed.")
