"""Each answer of a first run is checked at once: its form, and whether what it names is there."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from controller.network import resolver
from controller.network.smtp import MailServer, NotDelivered, greet
from controller.network.trust import trusted
from controller.settings import sources
from controller.settings.rules import LOOPBACK, public_url_complaint
from controller.setup import operator_address
from controller.setup.first_run.answers import MailAnswers
from shared.errors import ShoplaunchError

#: For one look at something else.
SECONDS = 20.0
STEP_SECONDS = 10.0


class NotReached(ShoplaunchError):
    """An answer that has the right form; what it names was not found, and may be there later."""


def public_url(url: str) -> None:
    """Raise `config_invalid` for what is no address, NotReached where its host is not known to name servers."""
    complaint = public_url_complaint(url)
    if complaint:
        raise ShoplaunchError("config_invalid", f"public_url {complaint}")
    host = urlsplit(url).hostname or ""
    if host in LOOPBACK:
        return
    try:
        resolver.resolve(host, None, STEP_SECONDS)
    except OSError as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise NotReached("host_unreached", f"{host}: {reason}") from None


def operator(address: str) -> None:
    """Raise `email_invalid` for what is no address."""
    operator_address.check(address)


def mail(given: MailAnswers) -> None:
    """Raise `config_invalid` for what contradicts itself, NotReached where the server lets nobody send."""
    if bool(given.user) != bool(given.password_file):
        raise ShoplaunchError("config_invalid", "a user of the mail server and a file with the password go together")
    password = sources.secret_in(Path(given.password_file)) if given.password_file else ""
    context = trusted() if given.starttls else None
    try:
        greet(MailServer(given.host, given.port, context, given.user or None, password), SECONDS, STEP_SECONDS)
    except NotDelivered as problem:
        raise NotReached("mail_failed", f"{given.host}:{given.port}: {problem}") from None
