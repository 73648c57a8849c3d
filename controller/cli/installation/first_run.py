"""`shoplaunch setup`: the first run, by questions or from a file."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from controller.cli.installation import questions
from controller.cli.servers import rows
from controller.cli.servers.server import NAME
from controller.cli.terminal.output import PARTLY_DONE, errors_shown, json_option, print_json, show_error
from controller.db.machines.servers import Server
from controller.panels.registry import kind_named, open_panel
from controller.settings.loading import load_config
from controller.settings.sections import Config
from controller.setup import inventory
from controller.setup.first_run import answers, installing
from controller.setup.first_run.answers import Answers, ServerAnswers
from controller.setup.first_run.checks import NotReached
from shared import installed
from shared.errors import ShoplaunchError


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    group.add_command(setup)


@click.command()
@click.option(
    "--from", "source", metavar="FILE", help="Answers in TOML or JSON, instead of questions; - is standard input."
)
@click.option("--unchecked", is_flag=True, help="With --from: take what cannot be reached now.")
@json_option
@errors_shown
def setup(source: str | None, unchecked: bool, as_json: bool) -> None:
    """Make an installation ready for its first shop: public address, operator, mail server, first server.

    Each answer is checked at once and kept at once; interrupted, or to change an answer, run it again. Exit code 3:
    everything but the agent or the server is there.
    """
    if source is None:
        if as_json or unchecked or not sys.stdin.isatty():
            raise click.UsageError("setup asks at a terminal; elsewhere give it the answers by --from FILE")
        _ask()
        return
    _use(answers.read(source), unchecked, as_json)


def _ask() -> None:
    config = installing.begin()
    if _may_ask("public_url"):
        config = installing.keep(config, installing.of_address(config, questions.public_url(config)))
    if _may_ask("mail.operator"):
        config = installing.keep(config, {"mail.operator": questions.operator(config)})
    if config.mail.folder:
        click.echo(f"Mails go into {config.mail.folder}.")
    elif _may_ask("mail.host"):
        config = installing.keep(config, installing.of_mail(questions.mail(config)))
    _made("admin", quiet=False)
    while not inventory.list_servers(config) and (given := questions.server()) is not None:
        if questions.accepted(partial(_look_at, config, given)):
            inventory.add_server(config, _row(config, given))
    _end(installing.agent_problem(config))


def _may_ask(name: str) -> bool:
    """Return whether the answer would count; say where the setting comes from otherwise."""
    place = installing.elsewhere(name)
    if place is not None:
        click.echo(f"{name} is set by {place.where}.")
    return place is None


def _made(operator: str, *, quiet: bool) -> tuple[str, str | None]:
    """Make keys, database and first operator, whose password is shown before it counts."""

    def show(name: str, password: str) -> None:
        if not quiet:
            click.echo(f"Operator: {name}\nPassword: {password}  (shown this once)")

    return installing.make(show, operator)


def _row(config: Config, given: ServerAnswers) -> Server:
    """Return the row of the server. Raises `answers_invalid`, config_invalid, file_error."""
    kind = kind_named(given.panel)
    if not NAME.match(given.name):
        raise answers.invalid(["server.name is letters, digits, dots, dashes and underscores; at most 63"])
    row = Server(name=given.name, panel=given.panel)
    if kind.is_here:
        if any((given.url, given.user, given.token_file, given.cpanel_token_file, given.ca, given.options)):
            raise answers.invalid(
                [f"server: the {kind.title} panel is this very machine: it takes name and panel alone"]
            )
        return row
    if not (given.url and given.user and given.token_file):
        raise answers.invalid([f"server: a {kind.title} server needs url, user and token_file"])
    token, own_token, ca = (Path(one) if one else None for one in (given.token_file, given.cpanel_token_file, given.ca))
    row = rows.changed(config, row, rows.PanelOptions(token, own_token, ca, given.options))
    return replace(row, url=kind.opening.address(given.url), user=kind.opening.login_name(given.user))


def _look(config: Config, row: Server) -> None:
    """Raise NotReached where the server lacks what shops cannot do without."""
    lacking = [one for one in open_panel(config, row).check() if one.essential and not one.ok]
    if lacking:
        lines = [f"{one.name}: {one.message}" + (f" ({one.advice})" if one.advice else "") for one in lacking]
        raise NotReached("server_unready", f"{row.name} is not ready\n" + "\n".join(lines))


def _look_at(config: Config, given: ServerAnswers) -> None:
    _look(config, _row(config, given))


def _use(given: Answers, unchecked: bool, as_json: bool) -> None:
    """Make the installation of answers; nothing is changed where one of them is wrong."""
    installing.require_right(given, unchecked=unchecked)
    config = installing.begin()
    changes = {**installing.of_address(config, given.public_url), "mail.operator": given.operator_email}
    config = installing.keep(config, changes | (installing.of_mail(given.mail) if given.mail else {}))
    login = _made(given.operator, quiet=as_json)
    problems = [installing.agent_problem(config)]
    if given.server is not None:
        problems.append(_server_problem(config, given.server, unchecked))
    _end(*problems, login=login if as_json else None)


def _server_problem(config: Config, given: ServerAnswers, unchecked: bool) -> ShoplaunchError | None:
    """Add the server where it is not known yet; return what keeps it from being added."""
    if given.name in [row.name for row in inventory.list_servers(config)]:
        return None
    try:
        row = _row(config, given)
        if not unchecked:
            _look(config, row)
        inventory.add_server(config, row)
    except ShoplaunchError as problem:
        return problem
    return None


def _end(*problems: ShoplaunchError | None, login: tuple[str, str | None] | None = None) -> None:
    """Print what there is now, and the command that comes next; end with 3 where something is missing."""
    config, found = load_config(), [one for one in problems if one is not None]
    servers, command = [row.name for row in inventory.list_servers(config)], installed.phrase("service")
    if login is not None:
        known: dict[str, Any] = {"user": login[0], "password": login[1], "home": str(config.home)}
        known |= {"url": config.public_url, "operator_email": config.mail.operator, "servers": servers}
        print_json({**known, "missing": [one.as_dict() for one in found], "next": command})
    else:
        click.echo(f"Shoplaunch lives in {config.home}; it is reached at {config.public_url}")
        click.echo(f"Alarms go to {config.mail.operator}. Servers: {', '.join(servers) or 'none'}")
        click.echo(f"Next: `{command}`; `shoplaunch doctor` says what else is missing.")
    for one in found:
        show_error(one.code, one.message)
    if found:
        sys.exit(PARTLY_DONE)
