"""The last of cleaning up: the folder goes, unless somebody put something there at that very moment."""

import logging
import os
import types

import pytest

from agent.session import job_file
from agent.stages import cleanup
from shared.errors import ShoplaunchError


def test_what_the_controller_puts_there_at_the_last_moment_stays_and_is_no_failure(tmp_path, monkeypatch):
    folder = tmp_path / ".shoplaunch"
    folder.mkdir()
    (folder / "state.json").touch()
    real = os.rmdir

    def put_before(path):
        (folder / "job").touch()
        real(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rmdir", put_before)
        cleanup._remove_rest(str(folder))
    assert os.listdir(folder) == ["job"]


def test_a_folder_the_controller_removes_at_the_same_time_is_no_failure(tmp_path, monkeypatch):
    folder = tmp_path / ".shoplaunch"
    folder.mkdir()
    real = os.rmdir

    def gone_before(path):
        real(path)
        real(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rmdir", gone_before)
        cleanup._remove_rest(str(folder))
    assert not folder.exists()


def test_an_empty_folder_goes(tmp_path):
    folder = tmp_path / ".shoplaunch"
    (folder / "outbox").mkdir(parents=True)
    (folder / "outbox" / "1.json").touch()
    for name in ("state.json", "lock", "ack", "agent.log"):
        (folder / name).touch()
    cleanup._remove_rest(str(folder))
    assert not folder.exists()


class Notes:
    """The state of an attempt that is done."""

    def __init__(self, **fields):
        self.data = fields

    def close(self):
        pass


@pytest.mark.parametrize(("look", "stays"), [(1, {"run", "agent.pyz", "line"}), (2, {"run", "agent.pyz", "line"}),
                                             (3, {"agent.pyz", "line"}), (4, {"line"}), (5, set())])  # fmt: skip
def test_a_newer_attempt_that_appears_while_we_leave_keeps_its_job_and_what_is_not_gone_yet(
    tmp_path, monkeypatch, look, stays
):
    for name in ("run", "agent.pyz", "line"):
        (tmp_path / name).touch()
    looks = []

    def load(_folder, _keys):
        looks.append(1)
        if len(looks) < look:
            raise ShoplaunchError("job_missing", "none yet")
        (tmp_path / "job").touch()
        return b"", {"job": "abcdef", "attempt": 2}

    monkeypatch.setattr(job_file, "load", load)
    monkeypatch.setattr(job_file, "public_keys", list)
    monkeypatch.setattr(cleanup.crontab, "remove_line", lambda *_: (tmp_path / "line").unlink())
    with pytest.raises(ShoplaunchError) as left:
        cleanup.run(str(tmp_path), Notes(job="abcdef", attempt=1, staging=str(tmp_path / "none")), None, logging)
    assert left.value.code == "superseded"
    assert set(os.listdir(tmp_path)) == {"job", *stays}


def test_a_state_that_names_no_job_is_cleaned_up_and_no_line_is_taken_for_its_own(tmp_path, monkeypatch):
    folder = tmp_path / ".shoplaunch"
    folder.mkdir()
    (folder / "run").touch()
    monkeypatch.setattr(job_file, "public_keys", list)
    monkeypatch.setattr(cleanup.crontab, "_read", lambda: b"* * * * * sh run # shoplaunch:abcdef\n")
    log = types.SimpleNamespace(info=lambda *_: None, close=lambda: None)
    cleanup.run(str(folder), Notes(), None, log)
    assert not folder.exists()


def test_the_keys_are_still_known_when_the_archive_they_lay_in_is_gone(monkeypatch):
    """Until the very end a newer job of the controller's is distinguished from what nobody vouches for."""
    archive = [b'{"keys": ["%s"]}' % (b"07" * 32)]

    def read(_module, _name):
        if not archive:
            raise FileNotFoundError
        return archive.pop()

    monkeypatch.setattr(job_file.data, "read", read)
    job_file.public_keys.cache_clear()
    try:
        assert [job_file.public_keys() for _ in range(2)] == [(b"\x07" * 32,)] * 2
    finally:
        job_file.public_keys.cache_clear()
