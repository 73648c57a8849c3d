"""The new tree is brought to its disk while the database is still worked on: little is left for the switch."""

import threading
import types

from agent import context, helper


class Ctx(context.Context):
    """A context with nothing but what flushing needs."""

    def __init__(self):
        self.staging = "/home/alice/.shoplaunch-staging-j1"
        self.notes = []
        self.log = types.SimpleNamespace(info=lambda message, *values: self.notes.append(message % values))


def flushed(monkeypatch, failure=None):
    """Flush early; return what was flushed in which thread, and the notes left."""
    seen, done = [], threading.Event()

    def flush(folder):
        seen.append((folder, threading.current_thread() is threading.main_thread()))
        done.set()
        if failure:
            raise failure

    monkeypatch.setattr(context, "flush_file_system", flush)
    ctx = Ctx()
    ctx.flush_early()
    assert done.wait(120)
    for thread in threading.enumerate():
        if thread.name == "flush":
            thread.join(120)
    return seen, ctx.notes


def test_the_tree_is_flushed_beside_the_work(monkeypatch):
    assert flushed(monkeypatch) == ([("/home/alice/.shoplaunch-staging-j1", False)], [])


def test_what_fails_then_is_left_to_the_switch(monkeypatch):
    _, notes = flushed(monkeypatch, OSError(5, "Input/output error"))
    assert notes == ["the tree is not on the disk yet: Input/output error"]


def test_where_no_thread_can_be_started_the_switch_does_it_all(monkeypatch):
    def refuse(_self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    ctx = Ctx()
    ctx.flush_early()
    assert ctx.notes == ["the tree comes to the disk later: can't start new thread"]


def test_the_helper_that_is_done_has_it_flushed_before_the_import_ends(monkeypatch):
    called = []
    made = helper.Helper.__new__(helper.Helper)
    made._ctx, made._then, made._done = None, lambda: called.append(True), False
    made._apply({"kind": "done"})
    assert called == [True]
