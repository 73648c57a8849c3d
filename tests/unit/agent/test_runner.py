"""A stage's done-mark and its work: whoever is killed in between does the work again."""

import types

import pytest

from agent import runner, state
from agent.state import State
from shared.errors import ShoplaunchError


@pytest.fixture
def ctx(tmp_path):
    reporter = types.SimpleNamespace(
        stage_started=lambda *_: None, stage_finished=lambda *_: None, next_number=lambda: 1
    )  # fmt: skip
    return types.SimpleNamespace(
        state=State(str(tmp_path)), reporter=reporter, log=types.SimpleNamespace(info=lambda *_: None),
        check_current=lambda: None, count=lambda *_: None, take_counters=dict,
    )  # fmt: skip


def stage(work):
    return types.SimpleNamespace(NAME="import", run=work)


def is_done(tmp_path):
    return State(str(tmp_path)).stage_done("import")


def test_a_stage_counts_as_done_only_after_its_work(ctx, tmp_path):
    meanwhile = []
    runner.run_stage(ctx, stage(lambda _ctx: meanwhile.append(is_done(tmp_path))))
    assert meanwhile == [False]
    assert is_done(tmp_path)


def test_a_stage_that_failed_is_not_done(ctx, tmp_path):
    def fail(_ctx):
        raise ShoplaunchError("db_error", "no")

    with pytest.raises(ShoplaunchError, match="db_error"):
        runner.run_stage(ctx, stage(fail))
    assert not is_done(tmp_path)


def test_a_stage_is_written_when_it_begins_and_when_it_ends_whatever_it_noted(ctx, tmp_path, monkeypatch):
    writes = []
    write = state.write_durably
    monkeypatch.setattr(state, "write_durably", lambda path, data: (writes.append(data), write(path, data)))
    ctx.take_counters = lambda: {"bytes_read": 7}

    def note(ctx):
        ctx.state.record("cells", 5)
        ctx.state.record("digests", 6)

    runner.run_stage(ctx, stage(note))
    assert len(writes) == 2
    kept = State(str(tmp_path))
    assert kept.evidence() == {"cells": 5, "digests": 6} and kept.get("counters") == {"bytes_read": 7}
