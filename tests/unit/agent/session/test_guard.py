"""An agent notices that another one holds a new lock file."""

import os

import pytest

from agent.session import job_file
from agent.session.job_file import Guard
from agent.session.lock import acquire
from shared.errors import ShoplaunchError
from shared.job import JOB_FILE, LOCK_FILE


@pytest.fixture
def guard(tmp_path):
    """The guard of an agent that holds the lock in `tmp_path`."""
    path = tmp_path / JOB_FILE
    path.write_bytes(b"signed")
    path.chmod(0o600)
    lock = acquire(str(tmp_path), "j1", 1)
    yield Guard(str(tmp_path), b"signed", {"job": "j1", "attempt": 1}, [], lock.file_id)
    lock.release()


def test_a_lock_file_that_is_only_gone_stops_nobody(guard, tmp_path):
    guard.check()
    os.unlink(tmp_path / LOCK_FILE)
    guard.check()


def test_another_lock_file_stops_the_one_that_holds_the_former(guard, tmp_path):
    os.unlink(tmp_path / LOCK_FILE)
    newer = acquire(str(tmp_path), "j1", 1)
    assert newer.is_first
    with pytest.raises(ShoplaunchError) as stopped:
        guard.check()
    assert stopped.value.code == "superseded"
    newer.release()


def test_a_lock_file_that_somebody_held_before_is_not_taken_for_a_new_one(tmp_path):
    acquire(str(tmp_path), "j1", 1).release()
    again = acquire(str(tmp_path), "j1", 1)
    assert not again.is_first
    again.release()


def test_a_job_file_that_comes_in_parts_is_read_whole(guard, monkeypatch):
    read = os.read
    monkeypatch.setattr(os, "read", lambda descriptor, size: read(descriptor, min(size, 2)))
    guard.check()


@pytest.mark.parametrize("parts", [1 << 30, 1000])
def test_a_job_file_larger_than_any_is_not_read_to_its_end(tmp_path, monkeypatch, parts):
    path = tmp_path / JOB_FILE
    path.write_bytes(bytes(job_file.MAX_BYTES))
    path.chmod(0o600)
    read, seen = os.read, []

    def count(descriptor, size):
        seen.append(read(descriptor, min(size, parts)))
        return seen[-1]

    monkeypatch.setattr(os, "read", count)
    assert job_file.read_raw(str(tmp_path)) == bytes(job_file.MAX_BYTES)
    os.truncate(path, 50 * job_file.MAX_BYTES)
    seen.clear()
    with pytest.raises(ShoplaunchError) as refused:
        job_file.read_raw(str(tmp_path))
    assert refused.value.code == "job_invalid"
    assert sum(map(len, seen)) <= 2 * job_file.MAX_BYTES
