"""Makes an installation of the answers; each part is written at once, and a second time changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from controller.access import operators as people
from controller.settings.loading import load_config, survey
from controller.settings.sections import Config
from controller.settings.sources import DEFAULT, FILE, Place
from controller.setup import installation, settings_file
from controller.setup.first_run import checks
from controller.setup.first_run.answers import Answers, MailAnswers, invalid
from controller.setup.first_run.checks import NotReached
from shared.errors import ShoplaunchError


def begin() -> Config:
    """Create folders and the settings file; return the settings as they are."""
    config = load_config()
    installation.ensure_folders(config)
    installation.ensure_settings(config)
    return config


def keep(config: Config, changes: dict[str, object]) -> Config:
    """Write the settings that are answers, and return all as they are then.

    Raises config_invalid where one comes from elsewhere, and would stay as it is there.
    """
    for name, place in survey().places.items():
        if name in changes and place.kind not in (DEFAULT, FILE):
            raise ShoplaunchError("config_invalid", f"{name} is set by {place.where}: the file would not count")
    settings_file.put(config.file, changes)
    return load_config()


def elsewhere(name: str) -> Place | None:
    """Return the place of a setting that neither is a default nor stands in the file."""
    place = survey().places.get(name, Place())
    return None if place.kind in (DEFAULT, FILE) else place


def of_address(config: Config, url: str) -> dict[str, object]:
    """Return the settings for the public address: behind https there is a proxy, as `serve` speaks plain http."""
    is_behind = urlsplit(url).scheme == "https" and not config.trusted_proxies
    return {"public_url": url, **({"trusted_proxies": 1} if is_behind else {})}


def of_mail(given: MailAnswers) -> dict[str, object]:
    """Return the settings for the mail server."""
    return {f"mail.{name}": value for name, value in vars(given).items() if value is not None}


def make(show: Callable[[str, str], None], operator: str) -> tuple[str, str | None]:
    """Make keys, database and first operator; return its name and its password, None for one that is there.

    `show` gets name and password before they count: what is interrupted behind it shows another one next time.
    """
    config = load_config()
    installation.ensure_installation(config)
    known = installation.operators(config)
    if known:
        return known[0], None
    password = people.new_password()
    show(operator, password)
    installation.set_operator(config, operator, password)
    return operator, password


def agent_problem(config: Config) -> ShoplaunchError | None:
    """Build the agent; return why it cannot be built."""
    try:
        installation.install_own_agent(config)
    except ShoplaunchError as error:
        if error.code not in ("agent_not_built", "config_invalid"):
            raise
        return error
    return None


def require_right(given: Answers, *, unchecked: bool) -> None:
    """Raise `answers_invalid` with all that is wrong with the answers for the settings.

    With `unchecked` what cannot be reached is right.
    """
    looks: list[tuple[str, Callable[[], None]]] = [
        ("public_url", lambda: checks.public_url(given.public_url)),
        ("operator_email", lambda: checks.operator(given.operator_email)),
    ]
    if given.mail is not None:
        mail = given.mail
        looks.append(("mail", lambda: checks.mail(mail)))
    wrong = []
    for name, look in looks:
        try:
            look()
        except ShoplaunchError as problem:
            if not (unchecked and isinstance(problem, NotReached)):
                wrong.append(f"{name}: {problem.message}")
    if wrong:
        raise invalid(wrong)
