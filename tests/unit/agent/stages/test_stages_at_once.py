"""What is reported while two stages run: which one, and how far all is, which never goes back."""

import types

import pytest

from agent.base.log import Log
from agent.base.state import State
from agent.reporting.event_log import EventLog
from agent.reporting.outbox import Outbox
from agent.stages import prove
from shared.errors import ShoplaunchError


@pytest.fixture
def events(tmp_path):
    log = Log(str(tmp_path))
    outbox = Outbox(str(tmp_path), "j1", 1, log)
    job = {"job": "j1", "attempt": 1, "kind": "restore"}
    return EventLog(job, State(str(tmp_path)), outbox, log)


def begin(events, stage):
    events._state.start_stage(stage)
    events.stage_started(stage, events.next_number())


def finish(events, stage):
    events._state.end_stage(stage, "done", 1.0)
    events.stage_ended(stage)
    events.stage_finished(stage, events.next_number(), 1.0)


def test_a_stage_that_begins_does_not_take_back_how_far_another_is(events):
    begin(events, "unpack")
    begin(events, "import")
    events.progress("unpack", 0.9)
    finish(events, "import")
    before = events.percent
    begin(events, "configure")
    assert events.percent == before


def test_progress_of_a_parallel_stage_does_not_change_which_one_is_reported(events):
    begin(events, "unpack")
    begin(events, "import")
    events.progress("unpack", 0.5)
    assert events.event("failed")["stage"] == "import"


def test_once_a_stage_is_done_the_one_that_goes_on_is_reported(events):
    begin(events, "unpack")
    begin(events, "prove")
    begin(events, "unpack")
    assert events.event("failed")["stage"] == "unpack"
    finish(events, "unpack")
    assert events.event("failed")["stage"] == "prove"


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
            report_waiting=None,
            wait_for_tree=wait_for_tree,
            progress=lambda *_: None,
            staging="tree",
        )
    )
    assert order == ["database", "complete", "counted tree", "7 files"]
