"""The questions of `shoplaunch setup`, at a terminal: each answer is checked at once, and asked for again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

import click

from controller.cli.terminal.confirmation import chosen
from controller.cli.terminal.output import as_failure, show_error
from controller.files import alone, remove_unfinished, write_durably
from controller.panels.registry import PANELS
from controller.settings.sections import Config
from controller.setup.first_run import checks
from controller.setup.first_run.answers import MailAnswers, ServerAnswers
from controller.setup.first_run.checks import NotReached

_STARTTLS_PORT = 587


def accepted(check: Callable[[], object]) -> bool:
    """Return whether the answer stands: what is not reached may be kept, what is wrong is asked for again."""
    try:
        check()
    except NotReached as problem:
        show_error(problem.code, problem.message)
        return chosen("Keep it all the same?")
    except (click.ClickException, click.Abort):
        raise
    except Exception as problem:  # noqa: BLE001 - shown as any command shows it, and asked for again
        failure = as_failure(problem)
        show_error(failure.code, failure.message)
        return False
    return True


def _prompt(text: str, default: str | None) -> str:
    return str(click.prompt(text, default=default, show_default=bool(default))).strip()


def public_url(config: Config) -> str:
    """Ask for the public address."""
    while True:
        url = _prompt("Public address, where clients and accounts reach this controller", config.public_url)
        if accepted(partial(checks.public_url, url)):
            return url


def operator(config: Config) -> str:
    """Ask where alarms go."""
    while True:
        address = _prompt("Operator's e-mail address, for alarms", config.mail.operator)
        if accepted(partial(checks.operator, address)):
            return address


def mail(config: Config) -> MailAnswers:
    """Ask for the mail server; a password that is typed goes into a file of its own."""
    known = MailAnswers.of(config)
    while True:
        known = _mail(config, known)
        if accepted(partial(checks.mail, known)):
            return known


def _mail(config: Config, known: MailAnswers) -> MailAnswers:
    host, _, port = _prompt("Mail server, HOST:PORT", f"{known.host}:{known.port}").rpartition(":")
    if not host:
        host, port = port, "25"
    number = int(port) if port.isdecimal() else 0
    starttls = click.confirm("Encrypted (STARTTLS)?", default=known.starttls or number == _STARTTLS_PORT)
    user = _prompt("User there (empty: none)", known.user or "")
    file = known.password_file
    if user:
        file = _password_file(config, file)
    name = urlsplit(config.public_url).hostname or "localhost"
    plain = known.sender in (None, MailAnswers.of(Config(home=config.home)).sender)
    sender = _prompt("Sender of mails", f"shoplaunch@{name}" if plain else known.sender)
    return MailAnswers(host, number, starttls, user or None, file if user else None, sender)


def _password_file(config: Config, former: str | None) -> str:
    text = "Password there" + (" (empty: as it is)" if former else "")
    password = click.prompt(text, default="" if former else None, show_default=False, hide_input=True)
    if not password:
        return former or ""
    return keep_password(config, password)


def keep_password(config: Config, password: str) -> str:
    """Keep the mail server's password; return the path of its file. Raises OSError."""
    path = config.home / "mail-password"
    with alone(config.home):
        remove_unfinished(path)
        write_durably(path, f"{password}\n".encode(), 0o600)
    return str(path)


def server() -> ServerAnswers | None:
    """Ask for the first server; None for later."""
    name = _prompt("Name of the first server, such as web1 (empty: later)", "")
    if not name:
        return None
    panel = click.prompt("Its panel", type=click.Choice(list(PANELS)), default=next(iter(PANELS)))
    kind = PANELS[panel]
    if kind.is_here:
        return ServerAnswers(name, panel)
    url = _prompt(f"Its address ({kind.url_help})", None)
    user = _prompt(f"Its user ({kind.user_help})", None)
    return ServerAnswers(name, panel, url, user, _prompt("File with that user's API token", None))
