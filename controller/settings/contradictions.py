"""Settings that are right each, and wrong together."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from controller.settings.problems import Problem
from controller.settings.sections import Config

DRIVERS = ("smtp", "folder")


def contradictions(config: Config, given: Collection[str]) -> Iterator[Problem]:
    """Yield what contradicts; `given` are the names of the settings that are no defaults."""
    yield from _mail(config, given)
    yield from _engine(config)
    yield from _machines(config)
    yield from _store(config)
    unix = config.bind.partition("unix:")[2]
    if unix and unix == str(config.agent_socket_path):
        yield _said("agent_socket", "bind and agent_socket are the same socket: agents have one of their own")


def _said(setting: str, message: str, *, fatal: bool = False) -> Problem:
    return Problem(setting, message, fatal=fatal)


def _mail(config: Config, given: Collection[str]) -> Iterator[Problem]:
    mail = config.mail
    driver = mail.driver or ("folder" if mail.folder else "smtp")
    if driver not in DRIVERS or (driver == "folder") != bool(mail.folder):
        yield _said("mail.driver", '[mail] driver must be "smtp", or "folder" together with folder', fatal=True)
        return
    unused = [name for name in ("host", "port", "starttls", "user", "password_file") if f"mail.{name}" in given]
    if mail.folder and unused:
        yield _said("mail.folder", f"[mail] folder and {unused[0]}: mails go into the folder, and nothing is sent")
    if mail.user and not mail.password_file:
        yield _said("mail.user", "[mail] user needs password_file: it would sign in with an empty password")
    if mail.password_file and not mail.user:
        yield _said("mail.password_file", "[mail] password_file needs user: nobody signs in without one")


def _engine(config: Config) -> Iterator[Problem]:
    engine = config.engine
    if engine.broker_url and engine.broker_url_file:
        yield _said("engine.broker_url", "[engine] give either broker_url or broker_url_file")
    has_broker = bool(engine.broker_url or engine.broker_url_file)
    if engine.kind == "celery" and not has_broker:
        yield _said("engine.kind", '[engine] kind "celery" needs broker_url or broker_url_file')
    if engine.kind == "embedded" and has_broker:
        yield _said("engine.kind", '[engine] kind "embedded" has no broker: is kind = "celery" meant?')


def _machines(config: Config) -> Iterator[Problem]:
    if config.engine.kind == "celery" and config.database_url.startswith("sqlite"):
        message = '[engine] kind "celery" is of use on one machine only while the state database is SQLite'
        yield _said("engine.kind", f"{message}: several need database_url on MariaDB, MySQL or PostgreSQL")


def _store(config: Config) -> Iterator[Problem]:
    store = config.bundle_store
    missing = [name for name in ("bucket", "access_key") if not getattr(store, name)]
    if store.endpoint and missing:
        yield _said("bundle_store.endpoint", f"[bundle_store] endpoint needs {missing[0]}")
    if store.endpoint and bool(store.secret_key) == bool(store.secret_key_file):
        yield _said("bundle_store.endpoint", "[bundle_store] endpoint needs either secret_key_file or secret_key")
