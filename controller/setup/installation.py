"""Creates an installation: folders, keys, settings, database, agent, first operator; safe to repeat."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from controller.access import billing_keys, key_possession
from controller.access import operators as people
from controller.access.actor import command_line
from controller.agent_archive import versions
from controller.agent_archive.build import build_agent, launcher
from controller.bundles.pack.progress import Progress
from controller.db import migrate
from controller.db.connection import same_file
from controller.db.connection.engine import make_engine, reading
from controller.db.identities import access
from controller.db.identities.api_keys import ApiKey
from controller.files import alone, remove_unfinished, write_durably
from controller.keys import Keys, ensure_keys, load_keys, rotate
from controller.settings.sections import FILE_NAME, Config
from controller.wording.languages import choices
from shared.job import AGENT_FILE, LAUNCHER_FILE

#: What a new installation begins with: it describes the settings and sets none.
SETTINGS = f"""\
# Settings of Shoplaunch; each may also be given as a variable: SHOPLAUNCH_NAME, of a section SHOPLAUNCH_SECTION__NAME,
# or by a file, SHOPLAUNCH_NAME_FILE. `shoplaunch config show` shows all, `shoplaunch config check` what is wrong.

# Where accounts and clients reach the controller; https unless it is this very machine.
#public_url = "https://control.example.com"
#bind = "127.0.0.1:8000"
# How many reverse proxies are in front, each of which sets X-Forwarded-For: with https mostly one.
#trusted_proxies = 1
# Where agents of this very machine reach it; agents/socket in the folder of the state unless named.
#agent_socket = "/run/shoplaunch/socket"
# SQLite in the folder of the state unless a MySQL, a MariaDB or a PostgreSQL (postgresql://) is given.
#database_url = "mysql://user:password@localhost/shoplaunch"
# How web server and workers write their log: text, or json for programs.
#log_format = "json"
# A collector of OpenTelemetry, for traces of the jobs.
#traces_url = "http://127.0.0.1:4318"
# A file with the passphrase of all backups, those of each night too. No backup holds it: keep a copy elsewhere.
#backup_passphrase_file = "/etc/shoplaunch/backup-passphrase"
# Pythons of this machine whose versions your servers have: agents start faster there. After a change: `migrate`.
#agent_pythons = ["/usr/bin/python3.9"]

#[mail]
#sender = "shops@example.com"
#host = "localhost"
#operator = "you@example.com"
# Alarms, and notes to staff in tickets: {choices().replace("`", "")}
#operator_language = "fa"

# Clients of WHMCS are notified through it: by ticket and mails. Without this section they are notified by mail.
#[whmcs]
#url = "https://billing.example.com"
#identifier = "the API credential's"
#secret_file = "/etc/shoplaunch/whmcs-secret"
# Where WHMCS's list of addresses cannot name this machine: $api_access_key of its configuration.php
#access_key_file = "/etc/shoplaunch/whmcs-access-key"
# Number of the support department, and the administrator that answers are signed by
#department = 1
#admin = "support"
# link: a page shows the password once; set: the client chooses one there; mail: it stands in the mail
#credentials = "link"
"""


def ensure_folders(config: Config) -> None:
    """Create the folders: accounts of this machine may read bundles there by name, nothing else."""
    config.home.mkdir(parents=True, exist_ok=True)
    for folder, mode in ((config.home, 0o711), (config.bundles, 0o711), (config.agent, 0o700)):
        folder.mkdir(exist_ok=True)
        folder.chmod(mode)


def ensure_settings(config: Config) -> None:
    """Create a settings file if there is none; it only describes the possible settings."""
    settings = config.home / FILE_NAME
    if settings.exists():
        return
    with alone(config.home):
        remove_unfinished(settings)
        if not settings.exists():
            write_durably(settings, SETTINGS.encode("utf-8"), 0o600)


def ensure_installation(config: Config, *, new_keys: bool = False) -> None:
    """Create the folders, settings, keys and database.

    Missing keys are made for a new installation, and with `new_keys` also for one in use. Raises OSError,
    `config_invalid`, `database_busy`, `keys_lost`.
    """
    ensure_folders(config)
    ensure_settings(config)
    if not new_keys:
        key_possession.require_makeable(config)
    ensure_keys(config.keys)
    migrate_database(config)


def migrate_database(config: Config, progress: Progress | None = None) -> None:
    """Migrate the database to this version's tables; make one on SQLite readable by its owner only.

    Raises as controller.db.migrate.upgrade does.
    """
    engine = make_engine(config.database_url)
    try:
        _make_closed(engine.url)
        if progress is not None:
            with reading(engine) as connection:
                progress.phase("Migrating the database", len(migrate.pending(connection)))
        migrate.upgrade(engine, applied=None if progress is None else progress.advance)
    finally:
        engine.dispose()


def _make_closed(url: sa.URL) -> None:
    """Create a missing file of SQLite; close an existing one to other users. What SQLite adds next to it is alike."""
    path = url.database
    if not same_file.create(url) and url.get_backend_name() == "sqlite" and path and Path(path).exists():
        Path(path).chmod(same_file.MODE)


def install_agent(config: Config, keys: Keys) -> str:
    """Build launcher and agent in the agent's folder; return the agent's SHA-256.

    Call it within `alone` of the keys' folder. Raises ShoplaunchError `agent_not_built` when the pinned libraries
    cannot be fetched, `vendor_digest`, `config_invalid` for a Python of the configuration that does not work; OSError.
    """
    # An agent that is kept meanwhile would have the former keys
    with versions.alone_with_agents(config.agent):
        write_durably(config.agent / LAUNCHER_FILE, launcher(), 0o644)
        versions.trust(config.agent, keys.public_keys())
        return build_agent(config.agent / AGENT_FILE, keys.public_keys(), pythons=config.agent_pythons)


def install_own_agent(config: Config) -> str:
    """As `install_agent`, with the keys of this installation. Raises `not_initialised` where there are none."""
    load_keys(config.keys)
    # One that is built while keys come or go would take the place of the one that knows them, and of no others
    with alone(config.keys):
        return install_agent(config, load_keys(config.keys))


def rotate_keys(config: Config) -> None:
    """Build an agent that knows newer keys, then add them. Raises as `install_agent`, and then adds no keys."""
    # Fail here, before adding keys, when the database is of another version
    actor = command_line(config)
    # In this order: whatever starts when one of them is written must find an agent that trusts it
    rotate(config.keys, lambda keys: install_agent(config, keys))
    actor.change("key rotate", "", lambda _connection: None)


def set_operator(config: Config, user: str, password: str) -> None:
    """Add the operator, or set the password. Raises ShoplaunchError `login_invalid` for unusable ones."""
    actor = command_line(config)
    change = people.set_password if user in operators(config) else people.add
    change(actor, user, password)


def operators(config: Config) -> list[str]:
    """Return the operators' names."""
    with reading(make_engine(config.database_url)) as connection:
        return access.list_operators(connection)


def add_api_key(config: Config, name: str) -> str:
    """Add a key without limits; return its secret. Raises as controller.access.billing_keys.add does."""
    return billing_keys.add(command_line(config), ApiKey(name))
