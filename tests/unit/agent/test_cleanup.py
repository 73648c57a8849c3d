"""The last of cleaning up: the folder goes, unless somebody put something there at that very moment."""

import os

from agent.stages import cleanup


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
