"""`shoplaunch init|migrate|doctor`: create and maintain an installation."""

from __future__ import annotations

import sys

import click

from controller.access import operators
from controller.access.actor import command_line
from controller.cli.terminal.bars import bars_on_terminal
from controller.cli.terminal.output import (
    FAILED,
    PARTLY_DONE,
    errors_shown,
    json_option,
    print_json,
    print_rows,
    show_error,
)
from controller.doctor.registry import examine
from controller.settings.loading import load_config
from controller.settings.sections import Config
from controller.setup import installation, operator_address
from controller.setup.first_run import installing
from shared import installed
from shared.errors import ShoplaunchError, advice


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    for command in (init, migrate, doctor):
        group.add_command(command)


@click.command()
@click.option("--user", "name", default="admin", show_default=True, help="The first operator.")
@click.option(
    "--operator-email",
    "address",
    metavar="ADDRESS",
    help="E-mail address for alarms; asked for at a terminal when none is set yet.",
)
@click.option(
    "--new-keys",
    is_flag=True,
    help="Make missing keys although the database is in use: values that only the lost ones open are lost.",
)
@json_option
@errors_shown
def init(name: str, address: str | None, new_keys: bool, as_json: bool) -> None:
    """Make folders, keys, database, the agent and the first operator, whose password is shown this once.

    Safe to repeat. Exit code 3: everything but the agent is there.
    """
    config = load_config()
    installation.ensure_installation(config, new_keys=new_keys)
    address = _operators_address(address, ask=not as_json and _at_terminal())
    problem = _agent_problem()
    login = _first_operator(name)
    if as_json:
        shown = {"home": str(config.home), "url": config.public_url, "agent": problem is None}
        print_json({**login, **shown, "operator_email": address})
    else:
        click.echo(f"Shoplaunch lives in {config.home}; it is reached at {config.public_url}")
        if login["password"]:
            click.echo(f"Operator: {login['user']}\nPassword: {login['password']}  (shown this once)")
        elif login["user"] in _never_seen(config):
            # The command that made the operator may have been killed before it showed the password
            user = login["user"]
            click.echo(
                f"Operator: {user}, who has never signed in; `shoplaunch user password {user}` gives a new password"
            )
        click.echo(f"Alarms go to {address}" if address else f"Alarms go nowhere. {advice('operator_missing')}")
    if problem is not None:
        show_error(problem.code, problem.message)
        sys.exit(PARTLY_DONE)


def _never_seen(config: Config) -> set[str]:
    """Return the operators who have never signed in."""
    actor = command_line(config)
    return {one.user for one in operators.listed(actor, actor.now()) if one.signed_in_at is None}


def _at_terminal() -> bool:
    return sys.stdin.isatty()


def _operators_address(given: str | None, *, ask: bool) -> str | None:
    """Return the operator's address now in the settings; where they had none, it is `given` or asked for."""
    config = load_config()
    if given is None and config.mail.operator is None and ask:
        text = "The operator's e-mail address, for alarms (empty: later)"
        given = click.prompt(text, default="", show_default=False, value_proc=_address_or_nothing)
    if given:
        operator_address.keep(config, given)
    return load_config().mail.operator


def _address_or_nothing(text: str) -> str:
    """Return the typed text; ask again when it is no address."""
    address = text.strip()
    try:
        if address:
            operator_address.check(address)
    except ShoplaunchError as error:
        raise click.UsageError(error.message) from None
    return address


def _agent_problem() -> ShoplaunchError | None:
    return installing.agent_problem(load_config())


def _first_operator(name: str) -> dict[str, str | None]:
    config = load_config()
    known = installation.operators(config)
    if known:
        return {"user": known[0], "password": None}
    password = operators.new_password()
    installation.set_operator(config, name, password)
    return {"user": name, "password": password}


@click.command()
@errors_shown
def migrate() -> None:
    """Bring the database to this version's tables, and build launcher and agent anew.

    To be run after every update, then `skeleton install` for every server. Exit code 3: the agent could not be built.
    """
    with bars_on_terminal() as progress:
        installation.migrate_database(load_config(), progress)
    click.echo("The database is of this version.")
    problem = _agent_problem()
    if problem is not None:
        show_error(problem.code, problem.message)
        sys.exit(PARTLY_DONE)
    skeletons = "`shoplaunch skeleton install SERVER` for every server"
    click.echo(f"So is the agent. Now {installed.phrase('restart')}, then run {skeletons}.")


@click.command()
@json_option
@errors_shown
def doctor(as_json: bool) -> None:
    """Look at everything the installation needs; exit code 1 when something is missing."""
    found = examine(load_config())
    rows = [
        {
            "name": row.name,
            # Named as by `server check`; programs expect yes or no since the first version
            "ok": "note" if row.optional and not row.ok and not as_json else row.ok,
            "message": row.message,
            "advice": "" if row.ok else row.advice,
        }
        for row in found
    ]
    columns = (("name", "What"), ("ok", "Works"), ("message", "How it is"), ("advice", "What to do"))
    print_rows(rows, columns, as_json=as_json, empty="")
    if not all(row.ok or row.optional for row in found):
        sys.exit(FAILED)
