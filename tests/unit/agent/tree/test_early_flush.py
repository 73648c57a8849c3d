"""The new tree comes to its disk while more of it is written; a shard is noted once it is there, or not at all."""

import threading
import types

import pytest

from agent.run import helper
from agent.tree import flushing
from shared.errors import ShoplaunchError

BROKEN = OSError(5, "Input/output error")


class Disk:
    """Stands in for the disk below `folder`: `flushed` tells of each flush what was noted before it, and whether it was
    in the main thread."""

    def __init__(self, monkeypatch, folder, failures=(), note=None):
        self.flushed, self.noted, self.log = [], [], []
        self.reached = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        self._failures = list(failures)
        monkeypatch.setattr(flushing, "flush_descriptor", self._flush)
        log = types.SimpleNamespace(info=lambda message, *values: self.log.append(message % values))
        self.flushing = flushing.Flushing(str(folder / "not" / "there yet"), note or self._note, log)

    def _note(self, member, counters):
        self.noted.append((member, counters["files"]))

    def _flush(self, _descriptor):
        self.flushed.append((list(self.noted), threading.current_thread() is threading.main_thread()))
        self.reached.release()
        assert self.gate.wait(120)
        if self._failures:
            raise self._failures.pop(0)

    def add(self, number):
        self.flushing.add(f"files/{number}", {"files": number})

    def wait(self):
        assert self.reached.acquire(timeout=120)


def shards(*numbers):
    return [(f"files/{number}", number) for number in numbers]


def test_a_shard_is_flushed_in_the_background_and_noted_after_that(monkeypatch, tmp_path):
    disk = Disk(monkeypatch, tmp_path)
    disk.add(1)
    disk.wait()
    disk.flushing.finish()
    assert disk.flushed[0] == ([], False)
    assert disk.noted == shards(1)


def test_what_is_written_while_it_is_flushed_is_not_noted_before_the_next_time(monkeypatch, tmp_path):
    disk = Disk(monkeypatch, tmp_path)
    disk.gate.clear()
    disk.add(1)
    disk.wait()
    disk.add(2)
    disk.add(3)
    disk.gate.set()
    disk.flushing.finish()
    assert disk.flushed[1][0] == shards(1)
    assert disk.noted == shards(1, 2, 3)


def test_the_end_waits_for_flushes_that_are_under_way(monkeypatch, tmp_path):
    disk = Disk(monkeypatch, tmp_path)
    disk.gate.clear()
    disk.add(1)
    disk.wait()
    ending = threading.Thread(target=disk.flushing.finish)
    ending.start()
    ending.join(0.2)
    assert ending.is_alive() and not disk.noted
    disk.gate.set()
    ending.join(120)
    assert disk.noted == shards(1)


def test_of_what_was_lost_nothing_is_noted_nor_of_what_comes_later_and_it_is_reported(monkeypatch, tmp_path):
    disk = Disk(monkeypatch, tmp_path, [BROKEN])
    disk.gate.clear()
    disk.add(1)
    disk.wait()
    disk.add(2)
    disk.gate.set()
    for _ in range(2):
        with pytest.raises(ShoplaunchError, match="not all of the new tree reached the disk") as caught:
            disk.flushing.finish()
        assert (caught.value.code, caught.value.retryable, caught.value.details["stage"]) == (
            "file_error",
            True,
            "unpack",
        )
    with pytest.raises(ShoplaunchError, match="Input/output error"):
        disk.add(3)
    assert disk.noted == []


def test_what_is_lost_at_the_end_is_reported_by_its_own_code(monkeypatch, tmp_path):
    disk = Disk(monkeypatch, tmp_path, [OSError(28, "No space left on device")])
    with pytest.raises(ShoplaunchError) as caught:
        disk.flushing.finish()
    assert caught.value.code == "quota_reached"


def test_notes_that_are_somebody_elses_by_now_are_reported_as_that(monkeypatch, tmp_path):
    def refuse(_member, _counters):
        raise ShoplaunchError("superseded", "a newer attempt")

    disk = Disk(monkeypatch, tmp_path, note=refuse)
    disk.gate.clear()
    disk.add(1)
    disk.gate.set()
    with pytest.raises(ShoplaunchError) as caught:
        disk.flushing.finish()
    assert caught.value.code == "superseded"


def test_where_no_thread_can_be_started_it_is_done_here(monkeypatch, tmp_path):
    def refuse(_self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    disk = Disk(monkeypatch, tmp_path)
    disk.add(1)
    assert disk.log == ["files are not flushed in the background: can't start new thread"]
    assert disk.flushed == [([], True)]
    assert disk.noted == shards(1)


def test_every_shard_that_the_helper_is_done_with_is_handed_over():
    done = []
    made = helper.Helper.__new__(helper.Helper)
    made._ctx, made._done = None, False
    made._flushing = types.SimpleNamespace(add=lambda *shard: done.append(shard))
    made._apply({"kind": "shard", "member": "files/1", "counters": {"files": 7}})
    assert done == [("files/1", {"files": 7})]
