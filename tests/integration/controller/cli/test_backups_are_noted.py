"""A backup is noted in the audit log, so that `doctor` says when there was none for long."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.db.connection.engine import make_engine, reading, transact
from controller.db.tables import audit
from controller.settings.loading import load_config
from tests.support.state.installing import install

SHOPLAUNCH = str(Path(sys.executable).with_name("shoplaunch"))
DAY = 86400.0


class House:
    """An installation with its database `engine`."""

    def __init__(self, home):
        self._environment = {**os.environ, "SHOPLAUNCH_HOME": str(home)}
        config = load_config(self._environment)
        install(config)
        self.engine = make_engine(config.database_url)

    def run(self, *words, **options):
        return subprocess.run([SHOPLAUNCH, *words], env=self._environment, capture_output=True, **options)

    def row(self):
        """Return doctor's row of backups."""
        rows = json.loads(self.run("doctor", "--json").stdout)
        return {one["name"]: one for one in rows}["backups"]

    def noted(self):
        with reading(self.engine) as connection:
            return list(connection.execute(sa.select(audit.c.detail).where(audit.c.action == "backup")).scalars())

    def pass_by(self, seconds):
        """Every entry of the audit log becomes older."""
        transact(self.engine, lambda connection: connection.execute(sa.update(audit).values(at=audit.c.at - seconds)))


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path / "home")
    yield made
    made.engine.dispose()


@pytest.mark.sampled(of=3, rests=True)
def test_doctor_says_when_there_was_no_backup_for_two_days(house, tmp_path):
    assert (house.row()["ok"], house.row()["message"]) == (True, "none was made yet")
    file = tmp_path / "one.backup"
    assert house.run("backup", str(file)).returncode == 0
    assert house.noted() == [str(file)]
    assert house.row()["ok"] and "the last was made on" in house.row()["message"]
    house.pass_by(2.1 * DAY)
    assert not house.row()["ok"] and "shoplaunch backup FILE" in house.row()["advice"]
    # It keeps nothing from working: what is read by people says so
    said = house.run("doctor", text=True).stdout.splitlines()
    assert [line.split()[1] for line in said if line.startswith(("keys ", "backups ", "servers "))] == [
        "yes",
        "note",
        "no",
    ]
    assert house.run("backup", "-").stdout
    assert house.row()["ok"] and house.noted()[-1] == "standard output"


def test_a_backup_that_was_only_looked_through_or_refused_is_not_noted(house, tmp_path):
    file = tmp_path / "one.backup"
    assert house.run("backup", str(file)).returncode == 0
    assert house.run("backup", "--verify", str(file)).returncode == 0
    assert house.run("backup", str(file)).returncode == 1
    assert len(house.noted()) == 1


@pytest.mark.nightly
def test_a_backup_is_whole_although_the_audit_log_takes_no_entry(house, tmp_path):
    file = tmp_path / "one.backup"
    with closing(sqlite3.connect(house.engine.url.database, isolation_level=None)) as connection:
        # Others may read meanwhile, and not write
        connection.execute("BEGIN IMMEDIATE")
        done = house.run("backup", str(file))
    assert done.returncode == 0 and b"audit log" in done.stderr
    assert house.run("backup", "--verify", str(file)).returncode == 0
