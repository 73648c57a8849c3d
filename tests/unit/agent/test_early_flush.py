"""The new tree is brought to its disk while more of it is written: little is left for the switch."""

import threading
import types

import pytest

from agent import flushing, helper

TREE = "/home/alice/.shoplaunch-staging-j1"


class Disk:
    """Stands in for the file system: `flushed` is what was flushed, and whether that was in the main thread."""

    def __init__(self, monkeypatch, failures=()):
        self.flushed = []
        self.notes = []
        self.reached = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        self._failures = list(failures)
        monkeypatch.setattr(flushing, "flush_file_system", self._flush)
        log = types.SimpleNamespace(info=lambda message, *values: self.notes.append(message % values))
        self.flushing = flushing.Flushing(TREE, log)

    def _flush(self, path):
        self.flushed.append((path, threading.current_thread() is threading.main_thread()))
        self.reached.release()
        assert self.gate.wait(120)
        if self._failures:
            raise self._failures.pop(0)

    def wait(self):
        assert self.reached.acquire(timeout=120)


def test_the_tree_is_flushed_beside_the_work_for_as_often_as_there_is_more(monkeypatch):
    disk = Disk(monkeypatch)
    for _ in range(3):
        disk.flushing.more()
        disk.wait()
    assert disk.flushed == [(TREE, False)] * 3


def test_what_comes_while_it_is_flushed_is_flushed_next_and_at_once(monkeypatch):
    disk = Disk(monkeypatch)
    disk.gate.clear()
    disk.flushing.more()
    disk.wait()
    for _ in range(5):
        disk.flushing.more()
    disk.gate.set()
    disk.wait()
    disk.flushing.finish()
    assert disk.flushed == [(TREE, False)] * 2 + [(TREE, True)]


def test_what_was_lost_on_the_way_to_the_disk_is_told_at_the_end(monkeypatch):
    disk = Disk(monkeypatch, [OSError(5, "Input/output error")])
    disk.flushing.more()
    disk.wait()
    disk.flushing.more()
    with pytest.raises(OSError, match="Input/output error"):
        disk.flushing.finish()
    disk.flushing.finish()


def test_what_is_lost_at_the_end_is_told(monkeypatch):
    disk = Disk(monkeypatch, [OSError(28, "No space left on device")])
    with pytest.raises(OSError, match="No space left on device"):
        disk.flushing.finish()


def test_where_no_thread_can_be_started_the_end_does_it_all(monkeypatch):
    def refuse(_self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    disk = Disk(monkeypatch)
    disk.flushing.more()
    disk.flushing.more()
    assert disk.notes == ["the tree comes to the disk later: can't start new thread"]
    disk.flushing.finish()
    assert disk.flushed == [(TREE, True)]


def test_every_shard_that_is_done_is_flushed(monkeypatch):
    done = []
    made = helper.Helper.__new__(helper.Helper)
    state = types.SimpleNamespace(mark_shard=lambda member, _counters: done.append(member))
    made._ctx, made._then, made._done = types.SimpleNamespace(state=state), lambda: done.append("flush"), False
    made._apply({"kind": "shard", "member": "files/1", "counters": {}})
    made._apply({"kind": "done"})
    assert done == ["files/1", "flush"]
