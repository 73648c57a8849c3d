"""A stage's done-mark and its work: whoever is killed in between does the work again."""

import types

import pytest

from agent import runner
from agent.state import State
from shared.errors import ShoplaunchError


@pytest.fixture
def ctx(tmp_path):
    reporter = types.SimpleNamespace(stage_started=lambda *_: None, stage_finished=lambda *_: None)
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
