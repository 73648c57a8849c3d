"""A backup that is damaged, altered or without end is called so, and nothing is changed by it."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from controller import backups
from controller.backups import archive
from tests.attacks.table import attack
from tests.integration.controller.rows import add_job
from tests.support.error_codes import error_code
from tests.support.state.installing import install
from tests.support.state.saved import closing_engine, content, keys_of
from tests.support.state.saved_files import MEASURED, MOST_BYTES, counts, old_backup, old_tables


def verify(file):
    return backups.read(file, str, backups.Nobody())


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
    assert error_code(verify, tmp_path / "bad") == "backup_damaged"
    config = places.config("sqlite")
    assert error_code(backups.restore, config, tmp_path / "bad") == "backup_damaged"
    assert list(config.home.iterdir()) == []


@attack("a backup of no one moment is brought back", "verify and restore say that rows are missing, and change nothing")
def test_rows_that_refer_to_nothing_are_found(places, tmp_path):
    tables = old_tables()
    tables["jobs"] = tables["jobs"][1:]
    old_backup(tmp_path / "saved", tables)
    assert error_code(verify, tmp_path / "saved") == "backup_damaged"
    assert error_code(backups.restore, places.config("sqlite"), tmp_path / "saved") == "backup_damaged"


def test_verify_says_what_is_there_and_touches_nothing(installed, tmp_path):
    backups.backup(installed, tmp_path / "saved")
    before = sorted(path for path in installed.home.rglob("*") if "shoplaunch.db" not in path.name)
    assert counts(verify(tmp_path / "saved").tables) == {name: len(rows) for name, rows in content(installed).items()}
    assert before == sorted(path for path in installed.home.rglob("*") if "shoplaunch.db" not in path.name)


def test_what_the_database_refuses_is_said_and_nothing_is_changed(places, tmp_path, mariadb_server):
    source = places.installed("sqlite")
    config = places.config("mariadb")
    install(config)
    before, keys = content(config), keys_of(config)
    with closing_engine(source) as engine:
        add_job(engine, "long", facts={"text": "x" * 2_000_000})
    backups.backup(source, tmp_path / "saved")
    packet = mariadb_server.query("SELECT @@global.max_allowed_packet")[0][0]
    mariadb_server.query("SET GLOBAL max_allowed_packet = 1048576")
    try:
        assert error_code(backups.restore, config, tmp_path / "saved") in ("restore_failed", "database_busy")
    finally:
        mariadb_server.query(f"SET GLOBAL max_allowed_packet = {packet}")
    assert (content(config), keys_of(config)) == (before, keys)
    backups.restore(config, tmp_path / "saved")
    assert content(config) == content(source)


def with_member(source, target, name, content, *, instead=False):
    """Write the backup `source` again as `target`, with a member in it; its index is the earlier one."""
    with tarfile.open(source) as old, gzip.open(target, "wb", 1) as out, tarfile.open(fileobj=out, mode="w|") as new:
        for number, entry in enumerate(old):
            if number == (0 if instead else 1):
                added = tarfile.TarInfo(name)
                added.size = len(content)
                new.addfile(added, io.BytesIO(content))
            if not (instead and number == 0):
                new.addfile(entry, old.extractfile(entry))


def refused_in_little_memory(config, file):
    """`backup --verify` calls the file damaged, and holds little of it."""
    environment = {**os.environ, "SHOPLAUNCH_HOME": str(config.home)}
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "backup", "--verify", str(file)],
        env=environment, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 1
    assert "backup_damaged" in done.stderr, done.stderr
    # A row as long as one may be, and what reads it
    assert int(done.stderr.rpartition("peak ")[2]) < 4 * MOST_BYTES


WITHOUT_END = {
    "a row": ("database/jobs/00000001.jsonl", lambda: b'["' + 400 * 1024 * 1024 * b"a" + b'"]', False),
    "lists in lists": ("backup.json", lambda: b'{"format": ' + 200_000 * b"[" + 200_000 * b"]" + b"}", True),
}


@pytest.mark.sampled(of=2)
@attack(
    "somebody who can write where backups lie puts a row of hundreds of megabytes, or lists in lists, into one",
    "it is called damaged, and nothing of such a size is held in memory",
)
@pytest.mark.parametrize("what", WITHOUT_END)
def test_what_has_no_end_is_damage(places, tmp_path, what):
    config = places.installed("sqlite")
    backups.backup(config, tmp_path / "whole")
    name, content, instead = WITHOUT_END[what]
    with_member(tmp_path / "whole", tmp_path / "other", name, content(), instead=instead)
    refused_in_little_memory(config, tmp_path / "other")


def header(name, kind=tarfile.REGTYPE, size=0):
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return bytearray(member.tobuf(tarfile.GNU_FORMAT))


def summed(block):
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


MEGABYTE = 1024 * 1024


def a_name(stream):
    stream.write(summed(header("././@LongLink", tarfile.GNUTYPE_LONGNAME, 1024 * MEGABYTE)))
    for _ in range(1024):
        stream.write(bytes(MEGABYTE))


def a_hole(stream):
    block = header("keys/hole", tarfile.GNUTYPE_SPARSE)
    block[386:410] = b"%011o\0%011o\0" % (8 * 1024 * MEGABYTE - 512, 0)
    block[483:495] = b"%011o\0" % (8 * 1024 * MEGABYTE - 512)
    stream.write(summed(block))


def a_file(stream):
    stream.write(summed(header("keys/large", size=1024 * MEGABYTE)))
    for _ in range(1024):
        stream.write(bytes(MEGABYTE))


def many_members(stream):
    for _ in range(1024):
        stream.write(summed(header("database/events/00000001.jsonl")) * 2048)


@pytest.mark.sampled(of=3)
@attack(
    "somebody who can write where backups lie makes one that unpacks to a name, a file, a hole or members without end",
    "it is called damaged before more of it is in memory, or on the disk, than any backup has",
)
@pytest.mark.parametrize("what", [a_name, a_hole, a_file, many_members])
def test_what_unpacks_without_end_is_damage(places, tmp_path, what):
    config = places.installed("sqlite")
    backups.backup(config, tmp_path / "whole")
    with tarfile.open(tmp_path / "whole") as old, gzip.open(tmp_path / "other", "wb", 1) as out:
        first = old.next()
        out.write(first.tobuf() + old.extractfile(first).read().ljust(-(-first.size // 512) * 512, b"\0"))
        what(out)
    refused_in_little_memory(config, tmp_path / "other")
    empty = places.config("sqlite")
    taken = Staged()
    assert error_code(backups.read, tmp_path / "other", str, taken) == "backup_damaged"
    assert taken.bytes <= 256 * MEGABYTE
    assert error_code(backups.restore, empty, tmp_path / "other") == "backup_damaged"
    assert list(empty.home.iterdir()) == []


class Staged(backups.Nobody):
    """Counts what a restore would write."""

    def __init__(self):
        self.bytes = 0

    def file(self, name, content):
        self.bytes += sum(map(len, content))


@attack(
    "somebody puts a value without end into a backup of the form of earlier versions",
    "it is called damaged, and nothing of such a size is held in memory",
)
def test_a_value_without_end_in_the_earlier_form_is_damage(places, tmp_path):
    document = b'{"format": 1, "revision": "0009", "tables": {"jobs": [{"id": "'
    with gzip.open(tmp_path / "old", "wb", 1) as out:
        out.write(summed(header("database.json", size=len(document) + 2048 * MEGABYTE)) + document)
        for _ in range(2048):
            out.write(b"a" * MEGABYTE)
    refused_in_little_memory(places.installed("sqlite"), tmp_path / "old")


def forged(source, target, change):
    """Write the backup `source` again as `target`: `change(members)` of name -> content, with an index that fits."""
    with tarfile.open(source) as old:
        members = {entry.name: old.extractfile(entry).read() for entry in old}
    del members[archive.INDEX]
    change(members)
    tables = dict.fromkeys(json.loads(members[archive.HEADER])["columns"], 0)
    for name, data in members.items():
        if name.startswith("database/"):
            tables[name.split("/")[1]] += data.count(b"\n")
    digests = [[name, len(data), hashlib.sha256(data).hexdigest()] for name, data in members.items()]
    members[archive.INDEX] = json.dumps({"members": digests, "tables": tables}).encode()
    with tarfile.open(target, "w:gz") as new:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            new.addfile(entry, io.BytesIO(data))


def with_columns(members, change):
    header = json.loads(members[archive.HEADER])
    change(header["columns"])
    members[archive.HEADER] = json.dumps(header).encode()


def another_table(members):
    with_columns(members, lambda columns: columns.update(strangers=["id"]))
    members["database/strangers/00000001.jsonl"] = b"[1]\n"


def another_column(members):
    with_columns(members, lambda columns: columns.update(bundles=["strange", *columns["bundles"][1:]]))


def first_of_bundles(value):
    def change(members):
        name = "database/bundles/00000001.jsonl"
        row = json.loads(members[name].splitlines()[0])
        members[name] = json.dumps([value, *row[1:]]).encode() + b"\n"

    return change


def twice(members):
    members["database/bundles/00000001.jsonl"] *= 2


FORGED = {
    "a table that does not exist": another_table,
    "a column that does not exist": another_column,
    "a list for a text": first_of_bundles([["a"]]),
    "bytes that are none": first_of_bundles({"base64": 1}),
    "nothing for what there has to be": first_of_bundles(None),
    "a row twice": twice,
}


@attack(
    "somebody who can write where backups lie makes one with tables, columns, values or rows no installation has",
    "it is refused with a code, and nothing is changed",
)
@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED)
def test_what_no_installation_has_is_refused(places, tmp_path, change):
    source, config = places.installed("sqlite"), places.config("sqlite")
    install(config)
    before, keys = content(config), keys_of(config)
    backups.backup(source, tmp_path / "saved")
    forged(tmp_path / "saved", tmp_path / "forged", change)
    assert error_code(backups.restore, config, tmp_path / "forged") in ("backup_damaged", "restore_failed")
    assert (content(config), keys_of(config)) == (before, keys)


@attack(
    "somebody who can write where backups lie puts rows that no version had into a backup of an earlier version",
    "it is called damaged, and nothing is changed",
)
def test_rows_that_no_earlier_version_had_are_damage(places, tmp_path):
    tables = old_tables()
    odd = {"service_id": "odd", "wanted": "no JSON", "error": "{}", "terminated_at": None, "updated_at": 1.0}
    tables["services"] = [{**dict.fromkeys(tables["services"][0]), **odd}]
    old_backup(tmp_path / "saved", tables)
    config = places.config("sqlite")
    assert error_code(backups.restore, config, tmp_path / "saved") == "backup_damaged"
    assert not (config.home / "keys").exists()
