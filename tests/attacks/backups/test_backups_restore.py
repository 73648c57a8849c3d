"""Every file that `backup` can write comes back, as it was at one moment, into every kind of database."""

import io
import itertools
import json
import os
import subprocess
import sys
import tarfile
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from cryptography.fernet import Fernet

from controller import backups
from controller.backups import loading, snapshot
from controller.cli import main
from controller.db import steps
from controller.db.connection.engine import reading, transact
from controller.db.machines import workers
from controller.db.tables import jobs, metadata
from controller.keys import load_keys
from controller.panels.local.private_stack.stack import free_port
from tests.attacks.table import attack
from tests.integration.controller.rows import add_job, read
from tests.support.error_codes import error_code
from tests.support.state.installing import install
from tests.support.state.saved import EVENTS, KINDS, add_jobs, closing_engine, content, keys_of
from tests.support.state.saved_files import (
    EARLIER,
    MOST_BYTES,
    counts,
    environment_of,
    measured,
    old_backup,
    old_tables,
)
from tests.support.waiting import wait_until

PROJECT = Path(__file__).parents[3]
#: Databases with which memory is measured: SQLite every day.
MEASURED = [
    "sqlite",
    pytest.param("mariadb", marks=pytest.mark.sampled(of=2, rests=True, each=("count",))),
    pytest.param("postgresql", marks=pytest.mark.nightly),
]


class Busy:
    """Who watches the backup, and lets the service write meanwhile."""

    def __init__(self, engine):
        self._engine, self.added = engine, 0

    def phase(self, _name, _total=None):
        self.advance()

    def advance(self, _steps=1):
        job = f"during{self.added:04d}"
        self.added += 1
        add_job(self._engine, job)
        transact(self._engine, lambda connection: steps.insert(connection, job, ["account"]))


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("target", KINDS)
def test_a_backup_comes_back_into_either_kind_of_database(places, installed, target, tmp_path):
    written = backups.backup(installed, tmp_path / "saved")
    config = places.config(target)
    assert backups.restore(config, tmp_path / "saved") == ["1name", "2name", "3name"]
    assert content(config) == content(installed)
    assert keys_of(config) == keys_of(installed)
    assert counts(written.tables) == {name: len(rows) for name, rows in content(installed).items()}
    assert all(written.tables.values())


def test_a_backup_goes_through_all_kinds_of_databases_and_what_is_new_is_numbered_on(places, tmp_path):
    configs = [places.installed("sqlite"), *map(places.config, ("postgresql", "mariadb", "postgresql", "sqlite"))]
    for number, (source, target) in enumerate(itertools.pairwise(configs)):
        backups.backup(source, tmp_path / str(number))
        backups.restore(target, tmp_path / str(number))
        assert content(target) == content(configs[0])
        assert keys_of(target) == keys_of(configs[0])
    with closing_engine(configs[1]) as engine:
        for table in metadata.sorted_tables:
            if table.autoincrement_column is not None:
                assert number_of_a_new_row(engine, table) > 3, table.name


def number_of_a_new_row(engine, table):
    """Copy the table's last row, with another value where one is unique; return the number it gets."""

    def work(connection):
        row = dict(connection.execute(sa.select(table).order_by(table.c.id.desc()).limit(1)).one()._mapping)
        del row["id"]
        for name in ("seq", "order_key"):
            if name in row:
                row[name] = 99 if name == "seq" else "another"
        return connection.execute(sa.insert(table).values(**row)).inserted_primary_key[0]

    return transact(engine, work)


@attack(
    "orders, events and workers write while the backup is made",
    "the backup is of one moment: every row it refers to is in it, and it comes back",
)
@pytest.mark.parametrize("kind", [*KINDS, "postgresql"])
def test_a_backup_is_of_one_moment(places, kind, tmp_path):
    config = places.installed(kind)
    before = content(config)
    with closing_engine(config) as engine:
        busy = Busy(engine)
        written = backups.backup(config, tmp_path / "saved", None, busy)
    assert busy.added > len(metadata.tables)
    # What was there when it began
    assert written.tables["jobs"] - len(before["jobs"]) <= 1
    other = places.config("mariadb" if kind == "sqlite" else "sqlite")
    backups.restore(other, tmp_path / "saved")
    assert {name: len(rows) for name, rows in content(other).items()} == counts(written.tables)


def retire(config):
    """The newest key of encryption takes the place of all others, in the files and in the rows."""
    known = load_keys(config.keys)
    (config.keys / "encryption").write_bytes(Fernet.generate_key() + b"\n")
    sealed = load_keys(config.keys).encrypt(known.decrypt(read_job(config).secrets_encrypted))
    with closing_engine(config) as engine:
        transact(engine, lambda connection: connection.execute(sa.update(jobs).values(secrets_encrypted=sealed)))


def read_job(config):
    with closing_engine(config) as engine:
        return read(engine)


@pytest.fixture
def sealing(places):
    """The configuration of an installation with one job, which keeps a sealed value."""
    config = places.config("sqlite")
    install(config)
    with closing_engine(config) as engine:
        add_job(engine, secrets_encrypted=load_keys(config.keys).encrypt("s3cret"))
    return config


def restored_secret(places, config, saved):
    """Back up to `saved` and bring that back elsewhere; return the job's value, opened with the keys that came."""
    backups.backup(config, saved)
    other = places.config("sqlite")
    backups.restore(other, saved)
    return load_keys(other.keys).decrypt(read_job(other).secrets_encrypted)


@attack("a key is retired while the backup is made", "rows and the keys that open them are of the same moment")
def test_keys_and_rows_are_of_one_moment(places, sealing, tmp_path, monkeypatch):
    real, retired = snapshot.snapshot, []

    @contextmanager
    def retiring(engine):
        if not retired:
            retired.append(retire(sealing))
        with real(engine) as connection:
            yield connection

    monkeypatch.setattr(snapshot, "snapshot", retiring)
    assert restored_secret(places, sealing, tmp_path / "saved") == "s3cret" and retired


@attack("a key is retired while the rows of a backup are counted", "the keys of the backup are those of its rows")
def test_the_keys_are_those_of_the_rows_whatever_becomes_of_their_files(places, sealing, tmp_path, monkeypatch):
    real, retired = snapshot.count, []

    def retiring(connection, table):
        if not retired:
            retired.append(retire(sealing))
        return real(connection, table)

    monkeypatch.setattr(snapshot, "count", retiring)
    assert restored_secret(places, sealing, tmp_path / "saved") == "s3cret" and retired


@attack(
    "a backup is made while a restore has changed the rows, and not yet the keys",
    "it is refused: its keys would not open its rows",
)
def test_no_backup_is_made_in_the_middle_of_a_restore(places, tmp_path, monkeypatch):
    source, config = places.installed("sqlite"), places.config("sqlite")
    backups.backup(source, tmp_path / "saved")
    install(config)
    real, refused = loading.was_loaded, []

    def looking(engine, token):
        refused.append(error_code(backups.backup, config, tmp_path / "half"))
        return real(engine, token)

    monkeypatch.setattr(loading, "was_loaded", looking)
    backups.restore(config, tmp_path / "saved")
    assert refused == ["restore_running"] and not (tmp_path / "half").exists()


@attack("a hundred thousand jobs are saved and brought back", "memory stays flat, below 150 MB")
@pytest.mark.parametrize("count", [3_000, pytest.param(100_000, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("kind", MEASURED)
def test_memory_is_flat_however_many_jobs_there_are(places, kind, count, tmp_path):
    config = places.config(kind)
    install(config)
    add_jobs(config, count)
    saved = tmp_path / "saved"
    peaks = [measured(config, "backup", saved), measured(config, "backup", "--verify", saved)]
    other = places.config(kind)
    peaks.append(measured(other, "restore", saved))
    assert max(peaks) < MOST_BYTES, peaks
    with closing_engine(other) as engine, engine.connect() as connection:
        for table, number in (("jobs", count), ("events", count * EVENTS)):
            query = sa.select(sa.func.count()).select_from(metadata.tables[table])
            assert connection.execute(query).scalar() == number


# -- where it goes ----------------------------------------------------------------------------------------------------


@attack("`backup -` is called to send the backup on", "it is on standard output, and no file called - holds the keys")
def test_a_dash_is_standard_output(places, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environment = environment_of(places.installed("sqlite"))
    done = CliRunner().invoke(main, ["backup", "-"], env=environment)
    assert done.exit_code == 0, done.stderr
    assert not (tmp_path / "-").exists()
    with tarfile.open(fileobj=io.BytesIO(done.stdout_bytes)) as tar:
        assert {"backup.json", "keys/signing", "index.json"} <= set(tar.getnames())
    (tmp_path / "saved").write_bytes(done.stdout_bytes)
    done = CliRunner().invoke(main, ["backup", "--verify", "saved"], env=environment)
    assert done.exit_code == 0 and "is whole" in done.stdout


@attack("the machine dies while a backup is written", "no file is left that holds keys, neither whole nor half of one")
def test_a_backup_that_was_killed_leaves_no_file(places, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    # All is written, only the name is missing
    code = """
import os, sys
from pathlib import Path
from controller import backups
from controller.settings.loading import load_config

os.fsync = lambda _descriptor: os._exit(9)
backups.backup(load_config(), Path(sys.argv[1]))
"""
    command = [sys.executable, "-c", code, str(folder / "saved")]
    assert (
        subprocess.run(
            command, env={**os.environ, **environment_of(places.installed("sqlite"))}, check=False
        ).returncode
        == 9
    )
    assert list(folder.iterdir()) == []


# -- files of earlier versions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*KINDS, "postgresql"])
def test_a_backup_of_an_earlier_version_comes_back(places, kind):
    config = places.config(kind)
    assert backups.restore(config, EARLIER) == ["sample", "second"]
    with tarfile.open(EARLIER) as tar:
        document = json.load(tar.extractfile("database.json"))
        key = tar.extractfile("keys/signing").read()
    found = content(config)
    # Later migrations take rows into new tables, and none away
    assert {name: len(rows) for name, rows in document["tables"].items()} == {
        name: len(found[name]) for name in document["tables"]
    }
    assert keys_of(config)["signing"] == key
    assert list(config.home.glob(".*")) == []


@attack("an earlier version has saved more than 18,400 jobs into one file", "the file is read, whatever its size")
@pytest.mark.parametrize(
    "rows", [2_000, pytest.param(22_000, marks=pytest.mark.nightly)], ids=["50 MB", "more than 512 MB"]
)
def test_an_earlier_file_of_any_size_comes_back_in_flat_memory(places, tmp_path, rows):
    tables = old_tables()
    tables["events"], tables["steps"], tables["certificates"] = [], [], []
    tables["jobs"] = [{**tables["jobs"][0], "id": "job1"}]
    size = old_backup(tmp_path / "saved", tables, row_bytes=25_000, rows=rows)
    assert size > rows * 25_000
    config = places.config("sqlite")
    assert measured(config, "restore", tmp_path / "saved") < MOST_BYTES
    assert len(content(config)["events"]) == rows


def test_a_backup_of_a_newer_version_is_refused_as_such(places, tmp_path):
    config = places.config("sqlite")
    old_backup(tmp_path / "saved", old_tables(), revision="9999")
    assert error_code(backups.restore, config, tmp_path / "saved") == "backup_newer"
    assert not (config.home / ".restoring").exists()


@attack(
    "an installation is restored while its service runs",
    "a code says to stop the service first: it would go on with its earlier keys",
)
def test_a_service_that_runs_keeps_its_installation(places, tmp_path):
    backups.backup(places.installed("sqlite"), tmp_path / "saved")
    config = places.config("sqlite")
    install(config)
    before = content(config), keys_of(config)
    with closing_engine(config) as engine:
        transact(engine, lambda connection: workers.beat(connection, "one"))
        assert error_code(backups.restore, config, tmp_path / "saved") == "service_running"
        assert (content(config), keys_of(config)) == before
        transact(engine, lambda connection: workers.end(connection, "one"))
    backups.restore(config, tmp_path / "saved")
    # Workers of the machine that was saved do not run here
    with closing_engine(config) as engine, reading(engine) as connection:
        assert workers.process_age(connection) is None


@attack(
    "an installation is restored while a web server runs that has no worker",
    "the same: it notes itself as workers do, and passes for none of them",
)
def test_a_web_server_without_a_worker_keeps_its_installation(places, tmp_path):
    backups.backup(places.installed("sqlite"), tmp_path / "saved")
    config, port = places.config("sqlite"), free_port()
    install(config)
    command = [sys.executable, "-c", "from controller.cli import main; main()", "serve", "--no-worker"]
    environment = {**os.environ, "SHOPLAUNCH_HOME": str(config.home), "SHOPLAUNCH_PUBLIC_URL": "https://c.example"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{port}"], env=environment, stdout=log, stderr=log, cwd=PROJECT
        )
    try:
        with closing_engine(config) as engine:

            def signs():
                with reading(engine) as connection:
                    return workers.process_age(connection), workers.beats(connection), workers.listed(connection)

            wait_until(lambda: signs()[0] is not None)
            assert signs()[1:] == (frozenset(), [])
            before = content(config), keys_of(config)
            assert error_code(backups.restore, config, tmp_path / "saved") == "service_running"
            assert (content(config), keys_of(config)) == before
            process.terminate()
            assert process.wait(60) == 0
            assert signs()[0] is None
    finally:
        process.kill()
        process.wait()
    backups.restore(config, tmp_path / "saved")
