"""Every file that `backup` can write comes back, as it was at one moment, into either kind of database."""

import gzip
import io
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

from controller import backups, installation
from controller.backups import archive, snapshot
from controller.cli import main
from controller.db import steps, workers
from controller.db.engine import reading, transact
from controller.db.tables import jobs, metadata
from controller.keys import load_keys
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.integration.controller.rows import add_job, read
from tests.support.saved import EVENTS, Places, add_jobs, closing_engine, content, keys_of

KINDS = ("sqlite", "mariadb")
#: What a backup or restore may hold in memory, the program itself included.
MOST_BYTES = 150 * 1024 * 1024
EARLIER = Path(__file__).parents[1] / "system" / "upgrade" / "9e78168" / "backup.tgz"
#: Runs a command and says how much memory it had at its peak.
MEASURED = """
import re, sys
from controller.cli import main
try:
    main(sys.argv[1:], prog_name="shoplaunch")
except SystemExit as end:
    code = end.code
text = open("/proc/self/status").read()
print("peak", int(re.search(r"VmHWM:\\s*(\\d+)", text)[1]) * 1024, file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture(scope="module")
def places(tmp_path_factory, mariadb_server):
    """Places for installations (tests.support.saved.Places)."""
    return Places(tmp_path_factory.mktemp("saved"), mariadb_server)


@pytest.fixture(scope="module", params=KINDS)
def installed(request, places):
    """An installation with rows in every table."""
    return places.installed(request.param)


def refusal(call, *arguments):
    with pytest.raises(ShoplaunchError) as caught:
        call(*arguments)
    return caught.value.code


def counts(tables):
    """Return them without the signs of life, which belong to processes of then and there."""
    return {name: count for name, count in tables.items() if name != "workers"}


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


@pytest.mark.parametrize("target", KINDS)
def test_a_backup_comes_back_into_either_kind_of_database(places, installed, target, tmp_path):
    written = backups.backup(installed, tmp_path / "saved")
    config = places.config(target)
    assert backups.restore(config, tmp_path / "saved") == ["1name", "2name", "3name"]
    assert content(config) == content(installed)
    assert keys_of(config) == keys_of(installed)
    assert counts(written.tables) == {name: len(rows) for name, rows in content(installed).items()}
    assert all(written.tables.values())


@attack(
    "orders, events and workers write while the backup is made",
    "the backup is of one moment: every row it refers to is in it, and it comes back",
)
@pytest.mark.parametrize("kind", KINDS)
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


@attack("a key is retired while the backup is made", "rows and the keys that open them are of the same moment")
def test_keys_and_rows_are_of_one_moment(places, tmp_path, monkeypatch):
    config = places.config("sqlite")
    installation.ensure_installation(config)
    with closing_engine(config) as engine:
        add_job(engine, secrets_encrypted=load_keys(config.keys).encrypt("s3cret"))
    real, retired = snapshot.snapshot, []

    @contextmanager
    def retiring(engine):
        with real(engine) as connection:
            if not retired:
                retired.append(retire(config))
            yield connection

    monkeypatch.setattr(snapshot, "snapshot", retiring)
    backups.backup(config, tmp_path / "saved")
    other = places.config("sqlite")
    backups.restore(other, tmp_path / "saved")
    assert load_keys(other.keys).decrypt(read_job(other).secrets_encrypted) == "s3cret" and retired


def environment_of(config):
    return {"SHOPLAUNCH_HOME": str(config.home), "SHOPLAUNCH_DATABASE_URL": config.database_url}


def measured(config, *words):
    """Run the command; return its peak of memory in bytes."""
    environment = {**os.environ, **environment_of(config)}
    command = [sys.executable, "-c", MEASURED, *map(str, words)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=3000)
    assert done.returncode in (0, 3), done.stderr
    return int(done.stderr.rpartition("peak ")[2])


@attack("a hundred thousand jobs are saved and brought back", "memory stays flat, below 150 MB")
@pytest.mark.parametrize("count", [3_000, pytest.param(100_000, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("kind", KINDS)
def test_memory_is_flat_however_many_jobs_there_are(places, kind, count, tmp_path):
    config = places.config(kind)
    installation.ensure_installation(config)
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
from controller.config import load_config

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


@pytest.mark.parametrize("kind", KINDS)
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


def old_backup(path, tables, revision="0009", row_bytes=0, rows=0):
    """Write a file as commit 9e78168 did; `rows` more events of `row_bytes` each, however many that are."""
    event = {"attempt": 1, "at": 1.0, "body": "x" * row_bytes, "event": "heartbeat", "id": 0, "job": "job1",
             "received_at": 1.0, "seq": 0, "stage": None}  # fmt: skip
    lines = [json.dumps({**event, "id": number, "seq": number}).encode() for number in range(rows)]
    head = json.dumps({"format": 1, "revision": revision, "tables": {}}).encode()[:-2]
    parts = [head]
    for number, name in enumerate(sorted(tables)):
        listed = [json.dumps(row, sort_keys=True).encode() for row in tables[name]]
        parts += [b", " if number else b"", json.dumps(name).encode(), b": [", b", ".join(listed)]
        if name == "events" and lines:
            parts += [b", " if listed else b"", b", ".join(lines)]
        parts.append(b"]")
    document = b"".join([*parts, b"}}"])
    with gzip.open(path, "wb", compresslevel=1) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        entry = tarfile.TarInfo("database.json")
        entry.size = len(document)
        tar.addfile(entry, io.BytesIO(document))
        with tarfile.open(EARLIER) as earlier:
            for member in earlier:
                if member.name.startswith("keys/"):
                    tar.addfile(member, earlier.extractfile(member))
    return len(document)


def old_tables():
    with tarfile.open(EARLIER) as tar:
        return json.load(tar.extractfile("database.json"))["tables"]


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
    assert refusal(backups.restore, config, tmp_path / "saved") == "backup_newer"
    assert not (config.home / ".restoring").exists()


@attack(
    "an installation is restored while its service runs",
    "a code says to stop the service first: it would go on with the keys of before",
)
def test_a_service_that_runs_keeps_its_installation(places, tmp_path):
    backups.backup(places.installed("sqlite"), tmp_path / "saved")
    config = places.config("sqlite")
    installation.ensure_installation(config)
    before = content(config), keys_of(config)
    with closing_engine(config) as engine:
        transact(engine, lambda connection: workers.beat(connection, "one"))
        assert refusal(backups.restore, config, tmp_path / "saved") == "service_running"
        assert (content(config), keys_of(config)) == before
        transact(engine, lambda connection: workers.end(connection, "one"))
    backups.restore(config, tmp_path / "saved")
    # Workers of the machine that was saved do not run here
    with closing_engine(config) as engine, reading(engine) as connection:
        assert workers.loop_age(connection) is None


# -- verifying --------------------------------------------------------------------------------------------------------


def repacked(source, target, change):
    """Write the archive with `change(name, content)` of each member; None leaves one out."""
    with tarfile.open(source) as old, tarfile.open(target, "w:gz") as new:
        for entry in old:
            changed = change(entry.name, old.extractfile(entry).read())
            if changed is not None:
                entry.size = len(changed)
                new.addfile(entry, io.BytesIO(changed))


def without_index(name, data):
    return None if name == archive.INDEX else data


def without_jobs(name, data):
    return None if name.startswith("database/jobs/") else data


def other_key(name, data):
    return data[::-1] if name == "keys/signing" else data


def fewer_rows(name, data):
    return data.partition(b"\n")[2] if name.startswith("database/events/") else data


def no_json(name, data):
    return b"{}\n" if name.startswith("database/events/") else data


@pytest.mark.parametrize("change", [without_index, without_jobs, other_key, fewer_rows, no_json])
def test_verify_finds_what_is_missing_or_altered(places, installed, tmp_path, change):
    backups.backup(installed, tmp_path / "saved")
    repacked(tmp_path / "saved", tmp_path / "bad", change)
    assert refusal(verify, tmp_path / "bad") == "backup_damaged"
    config = places.config("sqlite")
    assert refusal(backups.restore, config, tmp_path / "bad") == "backup_damaged"
    assert list(config.home.iterdir()) == []


def verify(file):
    return backups.read(file, str, backups.Nobody())


@attack("a backup of no one moment is brought back", "verify and restore say that rows are missing, and change nothing")
def test_rows_that_refer_to_nothing_are_found(places, tmp_path):
    tables = old_tables()
    tables["jobs"] = tables["jobs"][1:]
    old_backup(tmp_path / "saved", tables)
    assert refusal(verify, tmp_path / "saved") == "backup_damaged"
    assert refusal(backups.restore, places.config("sqlite"), tmp_path / "saved") == "backup_damaged"


def test_verify_says_what_is_there_and_touches_nothing(installed, tmp_path):
    backups.backup(installed, tmp_path / "saved")
    before = sorted(path for path in installed.home.rglob("*") if "shoplaunch.db" not in path.name)
    assert counts(verify(tmp_path / "saved").tables) == {name: len(rows) for name, rows in content(installed).items()}
    assert before == sorted(path for path in installed.home.rglob("*") if "shoplaunch.db" not in path.name)


def test_what_the_database_refuses_is_said_and_nothing_is_changed(places, tmp_path, mariadb_server):
    source = places.installed("sqlite")
    config = places.config("mariadb")
    installation.ensure_installation(config)
    before, keys = content(config), keys_of(config)
    with closing_engine(source) as engine:
        add_job(engine, "long", facts={"text": "x" * 2_000_000})
    backups.backup(source, tmp_path / "saved")
    packet = mariadb_server.query("SELECT @@global.max_allowed_packet")[0][0]
    mariadb_server.query("SET GLOBAL max_allowed_packet = 1048576")
    try:
        assert refusal(backups.restore, config, tmp_path / "saved") in ("restore_failed", "database_busy")
    finally:
        mariadb_server.query(f"SET GLOBAL max_allowed_packet = {packet}")
    assert (content(config), keys_of(config)) == (before, keys)
    backups.restore(config, tmp_path / "saved")
    assert content(config) == content(source)


def with_member(source, target, name, content, *, instead=False):
    """Write the backup `source` again as `target`, with a member in it; its index is that of before."""
    with tarfile.open(source) as old, gzip.open(target, "wb", 1) as out, tarfile.open(fileobj=out, mode="w|") as new:
        for number, entry in enumerate(old):
            if number == (0 if instead else 1):
                added = tarfile.TarInfo(name)
                added.size = len(content)
                new.addfile(added, io.BytesIO(content))
            if not (instead and number == 0):
                new.addfile(entry, old.extractfile(entry))


WITHOUT_END = {
    "a row": ("database/jobs/00000001.jsonl", b'["' + 400 * 1024 * 1024 * b"a" + b'"]', False),
    "lists in lists": ("backup.json", b'{"format": ' + 200_000 * b"[" + 200_000 * b"]" + b"}", True),
}


@attack(
    "somebody who can write where backups lie puts a row of hundreds of megabytes, or lists in lists, into one",
    "it is called damaged, and nothing of such a size is held in memory",
)
@pytest.mark.parametrize("what", WITHOUT_END)
def test_what_has_no_end_is_damage(places, tmp_path, what):
    config = places.installed("sqlite")
    backups.backup(config, tmp_path / "whole")
    name, content, instead = WITHOUT_END[what]
    with_member(tmp_path / "whole", tmp_path / "other", name, content, instead=instead)
    environment = {**os.environ, "SHOPLAUNCH_HOME": str(config.home)}
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "backup", "--verify", str(tmp_path / "other")],
        env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "backup_damaged" in done.stderr, done.stderr
    peak = int(done.stderr.rpartition("peak ")[2])
    # A row as long as one may be, and what reads it
    assert peak < 4 * MOST_BYTES
