"""Installations with many or odd rows for tests of backups, and what is in them."""

import json
from contextlib import closing

import sqlalchemy as sa

from controller.backups.loading import ACTION
from controller.db.connection.engine import make_engine, reading
from controller.db.tables import audit, events, jobs, metadata, operators
from controller.settings.loading import load_config
from tests.integration.controller.rows import NOW
from tests.support.state.installing import install
from tests.support.state.migration_kills import fill
from tests.support.state.state_database import new_url

#: Of databases, for long grids; PostgreSQL has tests of its own.
KINDS = ("sqlite", "mariadb")
#: What counts of sessions and codes until a backup is brought back.
ENDED = (operators.c.generation, operators.c.totp_last, operators.c.recovery)
#: Of each job: what panel and agent said, and events, as long as they are in life.
FACTS_CHARS, EVENTS, EVENT_CHARS = 6_000, 10, 2_500


class Places:
    """Makes empty places for installations, with SQLite or on a server of the tests (pytest's `request` knows them)."""

    def __init__(self, folder, request):
        self._folder, self._request, self._number = folder, request, 0

    def config(self, kind):
        """Return the configuration of a new home whose database is of this kind and empty."""
        self._number += 1
        home = self._folder / f"home{self._number}"
        home.mkdir()
        environment = {"SHOPLAUNCH_HOME": str(home)}
        if kind != "sqlite":
            environment["SHOPLAUNCH_DATABASE_URL"] = new_url(self._request, home, kind)
        return load_config(environment)

    def installed(self, kind):
        """Return the configuration of an installation with rows in every table."""
        config = self.config(kind)
        install(config)
        with closing_engine(config) as engine:
            fill(engine)
        return config


def closing_engine(config):
    """Return a context with an engine on the installation's database."""

    class _Open:
        def __enter__(self):
            self._engine = make_engine(config.database_url)
            return self._engine

        def __exit__(self, *_error):
            self._engine.dispose()

    return _Open()


def content(config):
    """Return table -> rows, as values that compare; what the restore itself noted or ended and signs of life apart."""
    found = {}
    with closing_engine(config) as engine, reading(engine) as connection:
        for table in metadata.sorted_tables:
            if table.name in ("workers", "operator_sessions"):
                continue
            query = sa.select(*(column for column in table.c if column not in ENDED))
            if table is audit:
                query = query.where(audit.c.action != ACTION)
            found[table.name] = sorted(map(repr, map(tuple, connection.execute(query))))
    return found


def keys_of(config):
    """Return name -> content of the installation's keys."""
    return {path.name: path.read_bytes() for path in config.keys.iterdir()}


def job_row(number):
    """Return a job as it is after its shop lives."""
    text = f"{number:08d}" * (FACTS_CHARS // 8)
    return {
        "id": f"job{number:08d}", "kind": "restore", "source": "command", "server": "web1", "bundle": "classic",
        "domain": f"shop{number}.example.com", "email": "a@example.com", "account": "alice", "language": "fa",
        "order": json.dumps({"shop_name": "فروشگاه"}), "state": "live", "facts": json.dumps({"seen": text}),
        "progress": "{}", "lock_name": "l" * 20, "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip


def event_rows(number):
    """Return the events of that job."""
    text = f"{number:08d}" * (EVENT_CHARS // 8)
    return [
        {"job": f"job{number:08d}", "attempt": 1, "seq": seq, "event": "heartbeat", "at": NOW, "received_at": NOW,
         "body": json.dumps({"text": text})}
        for seq in range(EVENTS)
    ]  # fmt: skip


def add_jobs(config, count):
    """Add so many jobs with their events."""
    with closing_engine(config) as engine, closing(engine.connect()) as connection:
        for start in range(0, count, 50):
            with connection.begin():
                numbers = range(start, min(start + 50, count))
                connection.execute(sa.insert(jobs), [job_row(number) for number in numbers])
                connection.execute(sa.insert(events), [row for number in numbers for row in event_rows(number)])
