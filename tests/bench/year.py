"""A year of an installation in minutes: 100 orders a day, with everything that happens beside them.

Usage: python -m tests.bench.year [--days 365] [--orders 100] [--stride DAYS]. Accounts are folders and the agents'
reports are played, of shops as large as real ones; controller, state database (SQLite), retention, backups, migrations
and keys are the real ones. The time is given to the controller as to every test; the product has no switch for it.
"""

import argparse
import json
import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from controller import backups
from controller.bundles.pack.progress import NoProgress
from controller.config import load_config
from controller.db import migrate
from controller.db.connection.engine import make_engine
from controller.db.orders.services import BilledService
from controller.jobs.intake import termination
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.service import Service
from controller.jobs.lifecycle.bundle_store import Bundles
from controller.jobs.retention import sweep
from controller.jobs.shop import certificate
from controller.keys import load_keys, rotate
from controller.setup.key_retirement import retire
from tests.integration.controller.retention.shops import TABLES, add_shop_bundle, report
from tests.integration.controller.retention.stored import DAY, used_bytes
from tests.integration.controller.world import Agent, World

KEY = "whmcs"
#: Of these orders one ends, this many days after it was placed.
ENDING, LIVED_DAYS = 10, 120
#: What happens how often, in days.
BACKUP, KEYS = 7, 91
#: The tables of an earlier version, for the upgrade in between.
EARLIER = "0023"


class Year(World):
    """An installation, `simulated` day by day."""

    def __init__(self, folder):
        home = folder / "home"
        home.mkdir(parents=True)
        self._file = home / "shoplaunch.db"
        engine = _opened(f"sqlite:///{self._file}")
        migrate.upgrade(engine)
        super().__init__(folder, engine)
        add_shop_bundle(self)
        self.orders, self.ended, self._placed = {}, {}, {}
        self._empty = used_bytes(engine)
        self.counted = {"backups": 0, "key_retirements": 0, "upgrades": 0, "moves": 0, "removed": 0}

    def simulate(self, days, orders, stride):
        """Let so many days pass, `stride` at a time, with so many orders on each of them that is worked."""
        upgraded = moved = False
        pages = dict(self.site.pages)
        for day in range(0, days, stride):
            for _ in range(orders):
                self._order()
                self.clock.pass_by(DAY / orders)
            self.clock.pass_by((stride - 1) * DAY)
            self._end_services()
            self.counted["removed"] += sum(self.service.retention.run().removed.values())
            if day // BACKUP != (day - stride) // BACKUP:
                self._back_up(day)
            if day and day // KEYS != (day - stride) // KEYS:
                self._retire_keys()
            # Before anything went that the earlier version could not say
            if not upgraded and day + stride >= min(28, days // 2):
                upgraded = True
                self._upgrade()
            if not moved and day >= days // 2:
                moved = True
                self._move(day)
            self.mail.handed_over.clear()
            self.site.pages = dict(pages)

    def rest(self, days):
        """Let days pass without orders."""
        self.clock.pass_by(days * DAY)
        self.work()
        self.counted["removed"] += sum(self.service.retention.run().removed.values())

    def bytes_per_job(self):
        """Return how many bytes of the state database each job takes, beside what an installation without any does."""
        return (used_bytes(self.engine) - self._empty) / len(self.orders)

    def unproven(self):
        """Return the shops whose certificate the newest key has not signed, or that say another shop's figures."""
        newest = self.keys.public_keys()[-1:]
        found = []
        for job_id in self.orders.values():
            said = certificate.read(certificate.kept(self.engine, self.service.jobs.get(job_id)), newest)
            if said["job"] != job_id or said["evidence"]["tables"] != {one["name"]: one["rows"] for one in TABLES}:
                found.append(job_id)
        return found

    def named(self):
        """Return the ended services, of those whose time has come, that still say who the client was."""
        before = self.clock() - self.config.retention.personal_data * DAY
        over = [number for number, ended_at in self.ended.items() if ended_at < before]
        assert over
        jobs = (self.service.jobs.get(self.orders[number]) for number in over)
        return [job.id for job in jobs if job.email]

    def _order(self):
        number = len(self.orders)
        order = {
            "server": "web1", "bundle": "shop", "domain": f"shop{number}.example.com", "account": f"shop{number}",
            "email": f"owner{number}@mail.example", "create_account": True, "shop_name": f"Goods {number}",
            "first_name": "Alice", "last_name": f"Owner{number}", "language": "en", "service_id": str(number),
        }  # fmt: skip
        job = self.service.orders.place(order, source="api", signed_by=KEY)
        self.work()
        agent = Agent(self, self.job(job))
        report(agent)
        self.serve(self.job(job))
        self.work()
        assert self.job(job).state == "live", self.status(job)
        self.orders[number], self._placed[number] = job.id, self.clock()
        shutil.rmtree(self.panel.base / order["account"])

    def _end_services(self):
        for number in range(0, len(self.orders), ENDING):
            if number not in self.ended and self.clock() - self._placed[number] >= LIVED_DAYS * DAY:
                self.ended[number] = self.clock()
                termination.end(self.engine, BilledService(str(number), KEY), self.clock(), None)
        self.work()

    def _back_up(self, day):
        file = self.folder / f"{day}.backup"
        backups.backup(self.config, file)
        backups.read(file, lambda: "", backups.Nobody())
        file.unlink()
        self.counted["backups"] += 1

    def _retire_keys(self):
        rotate(self.config.keys)
        assert retire(self.config, lambda _keys: None, NoProgress(), at_once=True) is not None
        self._go_on()
        self.counted["key_retirements"] += 1

    def _upgrade(self):
        """What an earlier version would have left is brought up to date."""
        self.engine.dispose()
        old = self._file.with_name("old.db")
        with closing(sqlite3.connect(self._file)) as whole:
            whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._file.rename(old)
        engine = make_engine(f"sqlite:///{self._file}")
        migrate.upgrade(engine, EARLIER)
        engine.dispose()
        with closing(sqlite3.connect(self._file)) as new:
            new.execute("ATTACH ? AS old", [str(old)])
            for (table,) in new.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
                if table not in ("alembic_version", "sqlite_sequence"):
                    columns = ", ".join(sorted(_columns(new, "main", table) & _columns(new, "old", table)))
                    new.execute(f"DELETE FROM main.{table}")
                    new.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM old.{table}")
            new.commit()
        old.unlink()
        migrate.upgrade(make_engine(f"sqlite:///{self._file}"))
        self._go_on()
        self.counted["upgrades"] += 1

    def _move(self, day):
        """A backup goes on in another place."""
        file = self.folder / "moving.backup"
        backups.backup(self.config, file)
        home = self.folder / f"home-{day}"
        home.mkdir()
        config = load_config({"SHOPLAUNCH_HOME": str(home), "SHOPLAUNCH_PUBLIC_URL": "http://127.0.0.1:8000"})
        migrate.upgrade(make_engine(config.database_url))
        shutil.copytree(self.config.agent, config.agent)
        backups.restore(config, file)
        self.engine.dispose()
        shutil.rmtree(self.config.home)
        self.config, self._file = config, home / "shoplaunch.db"
        self._go_on()
        for name in ("shop", "classic"):
            Bundles(self.config, self.engine).add(name, self.folder / f"{name}.bundle")
        file.unlink()
        self.counted["moves"] += 1

    def _go_on(self):
        """As after a restart."""
        self.engine.dispose()
        self.engine = _opened(self.config.database_url)
        self.keys = load_keys(self.config.keys)
        parts = {"panel_of": lambda _config, _server: self.panel, "billing": self.mail, "clock": self.clock}
        self.service = Service(Installation(self.config, self.engine, self.keys, **parts))
        self.worker = self.service.jobs.worker()


def _opened(url):
    """Return an engine whose SQLite leaves it to the system when to write: no power fails in this year."""
    engine = make_engine(url)

    @sa.event.listens_for(engine, "connect")
    def connect(connection, _record):
        connection.execute("PRAGMA synchronous=OFF")

    return engine


def _columns(connection, schema, table):
    return {f'"{row[1]}"' for row in connection.execute(f"PRAGMA {schema}.table_info({table})")}


def main():
    """Simulate the year and print what it left, as JSON; end with 1 where that is not what was said."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--orders", type=int, default=100, help="of a day")
    parser.add_argument("--stride", type=int, default=1, help="work on one day of so many")
    chosen = parser.parse_args()
    sweep.PAUSE_SECONDS = 0.0
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="shoplaunch-year-") as folder:
        year = Year(Path(folder))
        year.simulate(chosen.days, chosen.orders, chosen.stride)
        fresh = year.bytes_per_job()
        year.rest(31)
        found = {
            "jobs": len(year.orders), "seconds": round(time.monotonic() - began, 1), "bytes_per_job": round(fresh),
            "bytes_per_job_after_a_month": round(year.bytes_per_job()), "certificates_unproven": len(year.unproven()),
            "ended": len(year.ended), **year.counted,
        }  # fmt: skip
        year.close()
    print(json.dumps(found, indent=1))
    return 0 if found["bytes_per_job_after_a_month"] <= 10_000 and not found["certificates_unproven"] else 1


if __name__ == "__main__":
    sys.exit(main())
