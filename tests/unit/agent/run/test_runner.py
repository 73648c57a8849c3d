"""A stage's done-mark and its work: a stage killed in between does its work again."""

import errno
import types

import pytest

from agent.base import state
from agent.base.state import State
from agent.run import runner, session
from agent.session import context
from shared.errors import ShoplaunchError


@pytest.fixture
def ctx(tmp_path):
    events = types.SimpleNamespace(
        stage_started=lambda *_: None, stage_ended=lambda _: None, stage_finished=lambda *_: None,
        next_number=lambda: 1,
    )  # fmt: skip
    return types.SimpleNamespace(
        state=State(str(tmp_path)), events=events, log=types.SimpleNamespace(info=lambda *_: None),
        check_current=lambda: None, count=lambda *_: None, take_counters=dict, waited=0.0, unsent=[],
    )  # fmt: skip


def stage(work):
    return types.SimpleNamespace(NAME="import", run=work)


def is_done(tmp_path):
    return State(str(tmp_path)).stage_done("import")


def test_a_stage_counts_as_done_only_after_its_work(ctx, tmp_path):
    meanwhile = []

    def work(ctx):
        # What was noted before comes to the disk with the next change
        ctx.state.update(percent=7)
        meanwhile.append(is_done(tmp_path))

    runner.run_stage(ctx, stage(work))
    runner.settle(ctx)
    assert meanwhile == [False]
    assert is_done(tmp_path)


@pytest.fixture
def ends(ctx, tmp_path):
    """For every end of a stage that was reported, whether it was on the disk by then."""
    found = []
    ctx.events.stage_finished = lambda *_: found.append(is_done(tmp_path))
    return found


FOLLOWING = {
    "another begins": lambda ctx: runner.begin(ctx, "configure"),
    "another fails": lambda ctx: runner.fail(ctx, "unpack", 1.0),
    "there is none": runner.settle,
}


@pytest.mark.parametrize("what", FOLLOWING)
def test_the_end_of_a_stage_is_reported_once_it_is_on_the_disk_with_what_follows(ctx, ends, what):
    runner.run_stage(ctx, stage(lambda _ctx: None))
    assert ends == []
    FOLLOWING[what](ctx)
    FOLLOWING[what](ctx)
    assert ends == [True]


def test_an_end_that_the_disk_had_no_room_for_is_reported_with_the_failure(ctx, ends, monkeypatch):
    write = state.write_durably

    def full(_path, _data):
        monkeypatch.setattr(state, "write_durably", write)
        raise OSError(errno.ENOSPC, "no space left")

    runner.run_stage(ctx, stage(lambda _ctx: None))
    monkeypatch.setattr(state, "write_durably", full)
    with pytest.raises(OSError, match="no space left"):
        runner.begin(ctx, "configure")
    assert ends == []
    ctx.log.redact = str
    ctx.lock = ctx.job_id = ctx.attempt = None
    ctx.job = {"account": {"root": "/nowhere"}}
    ctx.log.tail = list
    ctx.events.event = lambda *_, **_more: ends.append("failed")
    ctx.delivery = types.SimpleNamespace(wait_delivered=lambda _seconds: True)
    session._failed(ctx, ShoplaunchError("disk_space", "no space left", retryable=True))
    assert ends == [True, "failed"]


def test_a_stage_that_failed_is_not_done(ctx, tmp_path):
    def fail(_ctx):
        raise ShoplaunchError("db_error", "no")

    with pytest.raises(ShoplaunchError, match="db_error"):
        runner.run_stage(ctx, stage(fail))
    assert not is_done(tmp_path)


def test_a_stage_s_end_is_written_with_the_next_one_s_beginning_and_whatever_it_noted(ctx, tmp_path, monkeypatch):
    writes = []
    write = state.write_durably
    monkeypatch.setattr(state, "write_durably", lambda path, data: (writes.append(data), write(path, data)))
    ctx.take_counters = lambda: {"bytes_read": 7}

    def note(ctx):
        ctx.state.record("cells", 5)
        ctx.state.record("digests", 6)

    runner.run_stage(ctx, stage(note))
    runner.begin(ctx, "prove")
    assert len(writes) == 2
    kept = State(str(tmp_path))
    assert kept.evidence() == {"cells": 5, "digests": 6} and kept.data.get("counters") == {"bytes_read": 7}


class Ctx(context.Context):
    """A context with nothing but what stages side by side need, and what was reported to it, in order."""

    def __init__(self, tmp_path):
        self.happened = []
        self.state = State(str(tmp_path))
        self.log = types.SimpleNamespace(info=lambda *_: None)
        self.events = types.SimpleNamespace(
            stage_started=lambda name, _: self.happened.append(f"{name} begins"),
            stage_ended=lambda _: None,
            stage_finished=lambda name, *_, **_evidence: self.happened.append(f"{name} is done"),
            next_number=lambda: 1,
        )
        self.delivery = None
        self._listeners, self._wait_for_tree, self._guard, self.waited = [], None, None, 0.0
        self.unsent = []
        self._flushing = types.SimpleNamespace(finish=lambda: self.happened.append("on the disk"))

    def count(self, *_):
        """Nothing is counted."""

    def take_counters(self):
        return {}


class ParallelStage:
    """A helper that is through, or dead, once somebody waits for it."""

    name = "unpack"

    def __init__(self, ctx, is_killed=False, is_through=False):
        self.ctx, self.is_killed, self.is_through = ctx, is_killed, is_through

    def work(self):
        """It begins."""

    def check(self):
        """Nothing failed."""

    def wait(self, _tick):
        self.ctx.happened.append("waited")
        return not self.is_killed

    def is_done(self):
        return self.is_through

    def seconds(self):
        return 1.0

    def end(self):
        self.ctx.happened.append("no helper")


def run_side_by_side(tmp_path, monkeypatch, **how):
    """Run a job of two stages, the second of which needs what the first one makes; return what was reported."""
    ctx = Ctx(tmp_path)
    unpack = types.SimpleNamespace(NAME="unpack", run=lambda ctx: ctx.happened.append("unpacked here"))

    def prove(ctx):
        ctx.happened.append("proved without the tree")
        assert ctx.wait_for_tree(lambda: ctx.happened.append("counted") or 7) == 7
        ctx.happened.append("proved with the tree")
        assert ctx.wait_for_tree(lambda: 8) == 8

    monkeypatch.setattr(runner, "_groups", lambda _ctx: ((unpack, types.SimpleNamespace(NAME="prove", run=prove)),))
    runner.run(ctx, ParallelStage(ctx, **how))
    return ctx.happened


def test_what_needs_the_database_alone_does_not_wait_for_the_tree(tmp_path, monkeypatch):
    assert run_side_by_side(tmp_path, monkeypatch) == [
        "unpack begins",
        "prove begins",
        "proved without the tree",
        "waited",
        "counted",
        "on the disk",
        "unpack is done",
        "proved with the tree",
        "no helper",
        "prove is done",
    ]


def test_where_the_helper_was_killed_the_tree_is_unpacked_here_before_it_is_needed(tmp_path, monkeypatch):
    assert run_side_by_side(tmp_path, monkeypatch, is_killed=True)[3:] == [
        "waited",
        "on the disk",
        "unpack begins",
        "unpacked here",
        "unpack is done",
        "counted",
        "proved with the tree",
        "no helper",
        "prove is done",
    ]


def test_what_the_helper_has_done_is_reported_and_kept_though_another_stage_fails(tmp_path, monkeypatch):
    ctx = Ctx(tmp_path)

    def fail(_ctx):
        raise ShoplaunchError("db_error", "no")

    unpack = types.SimpleNamespace(NAME="unpack")
    monkeypatch.setattr(runner, "_groups", lambda _ctx: ((unpack, types.SimpleNamespace(NAME="prove", run=fail)),))
    with pytest.raises(ShoplaunchError, match="db_error"):
        runner.run(ctx, ParallelStage(ctx, is_through=True))
    assert "unpack is done" in ctx.happened
    kept = State(str(tmp_path))
    assert kept.stage_done("unpack") and not kept.stage_done("prove")


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_tree_of_which_the_disk_lost_something_is_not_unpacked(tmp_path, monkeypatch, is_killed):
    ctx = Ctx(tmp_path)

    def lose():
        raise ShoplaunchError("file_error", "lost")

    ctx._flushing = types.SimpleNamespace(finish=lose)
    unpack = types.SimpleNamespace(NAME="unpack", run=lambda ctx: ctx.happened.append("unpacked here"))
    prove = types.SimpleNamespace(NAME="prove", run=lambda ctx: ctx.wait_for_tree(lambda: None))
    monkeypatch.setattr(runner, "_groups", lambda _ctx: ((unpack, prove),))
    with pytest.raises(ShoplaunchError, match="file_error"):
        runner.run(ctx, ParallelStage(ctx, is_killed=is_killed))
    assert "unpack is done" not in ctx.happened and "unpacked here" not in ctx.happened
    kept = State(str(tmp_path))
    assert not kept.stage_done("unpack") and not kept.stage_done("prove")


def test_what_a_stage_waited_for_another_one_is_not_its_own_time(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(runner.time, "monotonic", lambda: clock[0])

    def wait(_helper, _tick):
        clock[0] += 1000.0
        return True

    monkeypatch.setattr(ParallelStage, "wait", wait)
    ctx = Ctx(tmp_path)

    def prove(ctx):
        clock[0] += 5.0
        ctx.wait_for_tree(lambda: None)

    unpack = types.SimpleNamespace(NAME="unpack")
    monkeypatch.setattr(runner, "_groups", lambda _ctx: ((unpack, types.SimpleNamespace(NAME="prove", run=prove)),))
    runner.run(ctx, ParallelStage(ctx))
    assert ctx.state.data.get("stages")["prove"]["seconds"] == 5.0


def test_a_helper_without_work_is_ended_before_the_stages_that_need_none(tmp_path, monkeypatch):
    ctx = Ctx(tmp_path)
    ctx.state.end_stage("unpack", "done", 1.0)
    ctx.state.settle()
    assert run_side_by_side(tmp_path, monkeypatch)[:2] == ["no helper", "prove begins"]
