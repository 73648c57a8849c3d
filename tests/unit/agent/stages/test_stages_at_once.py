"""What is told while two stages run: which one, and how far all is, which never goes back."""

import types

import pytest

from agent.base.log import Log
from agent.base.state import State
from agent.reporting.outbox import Outbox
from agent.reporting.reporter import Reporter
from agent.stages import prove
from shared.errors import ShoplaunchError


@pytest.fixture
def reporter(tmp_path):
    log = Log(str(tmp_path))
    outbox = Outbox(str(tmp_path), "j1", 1, log)
    job = {"job": "j1", "attempt": 1, "kind": "restore"}
    return Reporter(job, State(str(tmp_path)), outbox, None, log)


def begin(reporter, stage):
    reporter._state.start_stage(stage)
    reporter.stage_started(stage, reporter.next_number())


def finish(reporter, stage):
    reporter._state.end_stage(stage, "done", 1.0)
    reporter.stage_ended(stage)
    reporter.stage_finished(stage, reporter.next_number(), 1.0)


def test_a_stage_that_begins_does_not_take_back_how_far_another_is(reporter):
    begin(reporter, "unpack")
    begin(reporter, "import")
    reporter.progress("unpack", 0.9)
    finish(reporter, "import")
    before = reporter.percent
    begin(reporter, "configure")
    assert reporter.percent == before


def test_progress_of_a_stage_beside_does_not_change_which_one_is_told(reporter):
    begin(reporter, "unpack")
    begin(reporter, "import")
    reporter.progress("unpack", 0.5)
    assert reporter.event("failed")["stage"] == "import"


def test_once_a_stage_is_done_the_one_that_goes_on_is_told(reporter):
    begin(reporter, "unpack")
    begin(reporter, "prove")
    begin(reporter, "unpack")
    assert reporter.event("failed")["stage"] == "unpack"
    finish(reporter, "unpack")
    assert reporter.event("failed")["stage"] == "prove"


@pytest.mark.parametrize(("failure", "is_void"), [(ShoplaunchError, False), (prove.Disproved, True)])
def test_a_trace_of_the_template_in_a_file_does_not_void_the_database(monkeypatch, failure, is_void):
    voided = []
    monkeypatch.setattr(prove, "close", lambda _: None)
    monkeypatch.setattr(prove.ledger, "void", lambda _: voided.append("tables"))

    def found(*_):
        raise failure("residue_found", "it names the template")

    monkeypatch.setattr(prove, "prove_chunks", found)
    state = types.SimpleNamespace(forget_stages=voided.extend)
    with pytest.raises(ShoplaunchError, match="residue_found"):
        prove.prove_database(types.SimpleNamespace(connect=lambda: None, state=state, locked_connection=None))
    assert bool(voided) == is_void


def test_the_files_are_proved_once_they_are_complete_and_the_database_before(monkeypatch):
    order = []
    monkeypatch.setattr(prove, "prove_database", lambda _ctx: order.append("database"))
    monkeypatch.setattr(prove, "entries_below", lambda folder: order.append(f"counted {folder}") or 7)
    monkeypatch.setattr(prove, "prove_files", lambda _ctx, found: order.append(f"{found} files"))

    def wait_for_tree(work):
        order.append("complete")
        return work()

    prove.run(
        types.SimpleNamespace(
            check_current=lambda: None,
            tell_waiting=None,
            wait_for_tree=wait_for_tree,
            progress=lambda *_: None,
            staging="tree",
        )
    )
    assert order == ["database", "complete", "counted tree", "7 files"]
