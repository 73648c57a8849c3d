"""A backup that anybody may have made is read in little memory: its keys, its header, its index, its rows."""

import hashlib
import io
import json
import tarfile
import tracemalloc

import pytest

from controller.backups import archive, reading
from shared.errors import ShoplaunchError

MEGABYTE = 1024 * 1024
COLUMNS = {"jobs": ["id"], "events": ["job"]}


def written(path, rows, *, header=None, index=None):
    """Write a backup with these `rows` of each table, and the header and index given in place of its own."""
    head = json.dumps({"format": archive.FORMAT, "revision": "0001", "columns": COLUMNS}).encode()
    members = {archive.HEADER: header or head}
    for table, keys in rows.items():
        members[f"database/{table}/00000001.jsonl"] = b"".join(archive.line_of([key]) for key in keys)
    digests = [[name, len(data), hashlib.sha256(data).hexdigest()] for name, data in members.items()]
    counts = {table: len(rows.get(table, ())) for table in COLUMNS}
    members[archive.INDEX] = index or json.dumps({"members": digests, "tables": counts}).encode()
    with tarfile.open(path, "w:gz", compresslevel=1) as new:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            new.addfile(entry, io.BytesIO(data))
    return path


def read(path):
    return reading.read(path, str, reading.Nobody())


def peak_of(path):
    """Return (the refusal's message, the peak of memory while the backup was read)."""
    tracemalloc.start()
    try:
        with pytest.raises(ShoplaunchError) as refused:
            read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused.value.code == "backup_damaged"
    return refused.value.message, peak


def test_a_hundred_thousand_jobs_and_what_refers_to_them_are_read(tmp_path):
    jobs = [f"{number:032x}" for number in range(100_000)]
    found = read(written(tmp_path / "saved", {"events": jobs, "jobs": jobs}))
    assert found.tables == {"jobs": 100_000, "events": 100_000}


def test_long_keys_are_not_kept(tmp_path):
    jobs = [str(number) * MEGABYTE for number in range(10, 40)]
    message, peak = peak_of(written(tmp_path / "saved", {"jobs": jobs, "events": ["another"]}))
    assert "1 rows refer to jobs" in message
    assert peak < 20 * MEGABYTE


@pytest.mark.parametrize("table", COLUMNS)
def test_more_keys_than_an_installation_has_are_damage(tmp_path, monkeypatch, table):
    monkeypatch.setattr(reading, "_MAX_KEYS", 100, raising=False)
    rows = {"jobs": ["0"], table: [str(number) for number in range(101)]}
    with pytest.raises(ShoplaunchError, match="more than 100 keys") as refused:
        read(written(tmp_path / "saved", rows))
    assert refused.value.code == "backup_damaged"


def test_as_many_keys_as_there_may_be_are_read_whatever_comes_first(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_MAX_KEYS", 100, raising=False)
    jobs = [str(number) for number in range(100)]
    assert read(written(tmp_path / "saved", {"events": jobs, "jobs": jobs})).tables["jobs"] == 100
    assert read(written(tmp_path / "saved", {"jobs": jobs, "events": jobs})).tables["jobs"] == 100


@pytest.mark.parametrize("key", [1, None, 1e300, {"base64": "AAAA"}], ids=str)
def test_a_key_that_is_no_text_is_damage(tmp_path, key):
    path = tmp_path / "saved"
    written(path, {"jobs": [key]})
    with pytest.raises(ShoplaunchError, match="TypeError") as refused:
        read(path)
    assert refused.value.code == "backup_damaged"


MANY = b"[" + b"{}," * 2 * MEGABYTE + b"{}]"


def test_a_header_of_millions_of_values_is_not_parsed(tmp_path):
    head = b'{"format": 2, "revision": "0001", "columns": {}, "more": ' + MANY + b"}"
    message, peak = peak_of(written(tmp_path / "saved", {}, header=head))
    assert "backup.json is longer than" in message
    assert peak < 20 * MEGABYTE


def test_an_index_longer_than_the_backups_own_is_not_parsed(tmp_path):
    index = b'{"members": [], "tables": {}, "more": ' + MANY + b"}"
    message, peak = peak_of(written(tmp_path / "saved", {"jobs": ["1"]}, index=index))
    assert "index.json is longer than" in message
    assert peak < 20 * MEGABYTE


@pytest.mark.parametrize("value", [{}, "", 0], ids=["objects", "texts", "numbers"])
def test_a_row_of_millions_of_values_is_not_parsed(tmp_path, value):
    rows = {"jobs": [2 * MEGABYTE * [value]]}
    _message, peak = peak_of(written(tmp_path / "saved", rows))
    assert peak < 40 * MEGABYTE


@pytest.mark.parametrize("text", ['a","b', "\\", '\\"', "," * 10], ids=["quotes", "backslashes", "both", "commas"])
def test_a_long_row_of_any_text_is_read(tmp_path, text):
    jobs = [text * 100_000]
    assert read(written(tmp_path / "saved", {"jobs": jobs})).tables["jobs"] == 1


def earlier(path, document):
    """Write a backup of format 1 with this database."""
    with tarfile.open(path, "w:gz", compresslevel=1) as new:
        entry = tarfile.TarInfo(archive.OLD_DATABASE)
        entry.size = len(document)
        new.addfile(entry, io.BytesIO(document))
    return path


def test_values_before_the_tables_of_an_earlier_backup_are_not_kept(tmp_path):
    named = b"".join(b'"%d": "%b", ' % (number, b"a" * MEGABYTE) for number in range(60))
    earlier(tmp_path / "saved", b'{"format": 1, "revision": 1, ' + named + b'"tables": {}}')
    del named
    _message, peak = peak_of(tmp_path / "saved")
    assert peak < 20 * MEGABYTE


HEAD = b'{"format": 1, "revision": "0001", '
LONG = {
    "a row's value": b'"tables": {"jobs": [{"id": %b}]}}' % MANY,
    "a row's value behind a long text": b'"tables": {"jobs": [{"id": "%b", "more": %b}]}}'
    % (b"a" * 4 * MEGABYTE, MANY),
    "a row's columns": b'"tables": {"jobs": [{%b}]}}' % b",".join(b'"%x":0' % number for number in range(MEGABYTE)),
    "a value before the tables": b'"more": %b, "tables": {}}' % MANY,
}


@pytest.mark.parametrize("case", LONG)
def test_a_row_of_an_earlier_backup_of_millions_of_values_is_not_parsed(tmp_path, case):
    _message, peak = peak_of(earlier(tmp_path / "saved", HEAD + LONG[case]))
    assert peak < 40 * MEGABYTE


def test_an_earlier_backup_has_no_more_tables_than_there_may_be(tmp_path):
    tables = b",".join(b'"%d": []' % number for number in range(1001))
    message, _peak = peak_of(earlier(tmp_path / "saved", HEAD + b'"tables": {' + tables + b"}}"))
    assert "ValueError" in message


@pytest.mark.parametrize(
    "text", ['a","b', "\\", '\\"', "," * 10, "[{}]"], ids=["quotes", "slashes", "both", "commas", "marks"]
)
def test_a_long_row_of_any_text_is_read_from_an_earlier_backup(tmp_path, text):
    row = {"id": text * 700_000, "more": None, "number": 1.5}
    tables = {"jobs": [{"id": "1"}, row, {"id": "2"}], "events": [{"job": "1"}]}
    path = earlier(tmp_path / "saved", HEAD + b'"more": 1, "tables": ' + json.dumps(tables).encode() + b"}")
    assert read(path).tables == {"jobs": 3, "events": 1}
