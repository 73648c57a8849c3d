"""`shoplaunch user …`: the operators, who may sign in to the pages."""

from __future__ import annotations

import sys
from typing import TextIO
from urllib.parse import urlsplit

import click

from controller.access import operators, qr_code, second_factor
from controller.access import totp as codes_of_time
from controller.access.actor import Actor, command_line
from controller.cli.terminal.confirmation import confirm, yes_option
from controller.cli.terminal.given_file import GivenText
from controller.cli.terminal.output import errors_shown, json_option, print_json, print_rows
from controller.db.identities.operators import ADMINISTER, ROLES, Operator
from controller.settings.loading import load_config
from controller.timestamps import iso
from shared.errors import ShoplaunchError

_COLUMNS = (
    ("user", "Operator"), ("role", "May"), ("second_factor", "Second factor"), ("signed_in_at", "Signed in last"),
    ("sessions", "Sessions"), ("created_at", "Since"),
)  # fmt: skip
_SESSIONS = (("began_at", "Since"), ("seen_at", "Seen last"), ("address", "From"))
_password_option = click.option(
    "--password-file", type=GivenText(), help="File with the password (-: standard input); default: a new one."
)


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    group.add_command(user)


@click.group()
def user() -> None:
    """Operators, who may sign in to the pages."""


def _actor() -> Actor:
    return command_line(load_config())


def _password(file: TextIO | None) -> tuple[str, str]:
    """Return (the password in `file`, or a new one; a line that shows a new one)."""
    given = _read(file) if file else None
    password = given or operators.new_password()
    return password, "" if given else f"\nPassword: {password}  (shown this once)"


def _read(file: TextIO) -> str:
    try:
        return file.read().strip()
    except UnicodeDecodeError:
        # Without what it holds
        raise ShoplaunchError("login_invalid", f"{file.name} is no text in UTF-8") from None


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
    password, shown = _password(password_file)
    operators.add(_actor(), name, password, role or ADMINISTER)
    click.echo(f"Operator: {name}{shown}")


@user.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@yes_option
@errors_shown
def change_role(name: str, role: str, yes: bool) -> None:
    """Change what operator NAME may do; one who may administer stays."""
    actor = _actor()
    before = operators.get(actor, name, 0.0).role
    if role != ADMINISTER:
        operators.require_another(actor, name)
    confirm(f"{name} may {before} until now, and {role} from the next page on. Continue?", yes)
    operators.set_role(actor, name, role)
    click.echo(f"{name} may {role}.")


@user.command()
@click.argument("name")
@click.option("--remove", is_flag=True, help="NAME signs in with the password alone again.")
@yes_option
@json_option
@errors_shown
def totp(name: str, remove: bool, yes: bool, as_json: bool) -> None:
    """Give operator NAME a second factor: codes of an app (TOTP). Its key and recovery codes are shown this once.

    The app reads the key from the QR code. Every session of NAME ends. Who has lost phone and recovery codes gets in
    again by --remove, or by this command once more, with a new key.
    """
    config = load_config()
    actor = command_line(config)
    has = operators.get(actor, name, 0.0).second_factor
    if remove and not has:
        click.echo(f"{name} has no second factor.")
        return
    change = f"The second factor {name} has now ends" if has else f"A second factor of {name} begins"
    confirm(f"{change}, and every session ends. Continue?", yes)
    if remove:
        second_factor.end(actor, name)
        click.echo(f"{name} signs in with the password alone.")
        return
    secret, codes = second_factor.begin(actor, name)
    address = codes_of_time.address(secret, name, urlsplit(config.public_url).hostname or "Shoplaunch")
    if as_json:
        print_json({"user": name, "secret": secret, "address": address, "recovery_codes": codes})
        return
    _draw(address)
    click.echo(f"Key for the app: {secret}  (shown this once; time-based, 6 digits, 30 seconds)\nAddress: {address}")
    click.echo("Recovery codes, each good once where the app is lost:\n  " + "\n  ".join(codes))


def _draw(address: str) -> None:
    """Show the address as a QR code, unless the terminal lacks its characters: the key is shown as well."""
    lines = qr_code.blocks(address)
    try:
        "".join(lines).encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return
    for line in lines:
        # Readable on dark terminals, too
        click.echo(click.style(line, fg="black", bg="bright_white"))


@user.command("password")
@click.argument("name")
@_password_option
@yes_option
@errors_shown
def change_password(name: str, password_file: TextIO | None, yes: bool) -> None:
    """Give operator NAME another password; every session of NAME ends."""
    actor = _actor()
    operators.get(actor, name, 0.0)
    confirm(f"The password {name} has now ends, and so does every session. Continue?", yes)
    password, shown = _password(password_file)
    operators.set_password(actor, name, password)
    click.echo(f"Operator: {name}{shown}")


@user.command("list")
@json_option
@errors_shown
def list_users(as_json: bool) -> None:
    """List the operators."""
    actor = _actor()
    rows = [_row(one) for one in operators.listed(actor, actor.now())]
    print_rows(rows, _COLUMNS, as_json=as_json, empty="No operator yet. Add one: shoplaunch user add NAME")


def _row(one: Operator) -> dict[str, object]:
    times = {name: iso(getattr(one, name)) for name in ("created_at", "signed_in_at")}
    return {**vars(one), **times}


@user.command("sessions")
@click.argument("name")
@click.option("--end", is_flag=True, help="End them all.")
@yes_option
@json_option
@errors_shown
def sessions(name: str, end: bool, yes: bool, as_json: bool) -> None:
    """List the sessions of operator NAME: since when, seen when, from where; --end ends them."""
    actor = _actor()
    now = actor.now()
    operators.get(actor, name, now)
    if not end:
        rows = [
            {"began_at": iso(row.began_at), "seen_at": iso(row.seen_at), "address": row.address}
            for row in operators.sessions_of(actor, name, now)
        ]
        print_rows(rows, _SESSIONS, as_json=as_json, empty=f"{name} has no session.")
        return
    confirm(f"{name} has to sign in again on every device. Continue?", yes)
    operators.end_sessions(actor, name)
    click.echo(f"Every session of {name} is over.")


@user.command("remove")
@click.argument("name")
@yes_option
@errors_shown
def remove_user(name: str, yes: bool) -> None:
    """Remove operator NAME; every session of NAME ends. The last one stays."""
    actor = _actor()
    operators.require_another(actor, name)
    confirm(f"{name} cannot sign in any more. Continue?", yes)
    operators.remove(actor, name)
    click.echo(f"{name} is removed.")
