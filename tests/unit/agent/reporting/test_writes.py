"""What waits for the disk and what does not: only what a power cut must not take."""

import os
import subprocess
import sys
import types

import pytest

from agent.base import state as states
from agent.base.log import Log
from agent.base.state import State
from agent.reporting.event_log import EventLog
from agent.reporting.outbox import Outbox
from agent.run import runner
from agent.run.helper_main import EXIT_ORPHANED
from shared.events import make_event
from tests.support.worlds.agent_box import PROJECT


@pytest.fixture
def synced(monkeypatch):
    """Every wait for the disk."""
    found, real = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (found.append(descriptor), real(descriptor)))
    return found


@pytest.mark.parametrize("name", ["started", "stage_started", "stage_finished"])
def test_an_event_of_a_stage_is_kept_without_waiting_for_the_disk(tmp_path, synced, name):
    box = Outbox(str(tmp_path), "j1", 1, Log(str(tmp_path)))
    box.append({"job": "j1", "attempt": 1, "seq": 1, "event": name})
    assert synced == []
    assert Outbox(str(tmp_path), "j1", 1, Log(str(tmp_path))).first()["event"] == name


@pytest.mark.parametrize("name", ["failed", "finished"])
def test_an_event_that_counts_is_on_the_disk_before_anything_follows(tmp_path, synced, name):
    box = Outbox(str(tmp_path), "j1", 1, Log(str(tmp_path)))
    box.append({"job": "j1", "attempt": 1, "seq": 1, "event": name})
    assert len(synced) == 2


def test_what_was_unpacked_before_the_machine_s_last_start_is_not_unpacked(tmp_path):
    before = State(str(tmp_path))
    before.mark_shard("files/1.tar.gz", {})
    before.settle()
    assert State(str(tmp_path)).shard_done("files/1.tar.gz")
    path = tmp_path / "state.json"
    path.write_text(path.read_text().replace(before.boot, "an-earlier-one"))
    after = State(str(tmp_path))
    assert not after.shard_done("files/1.tar.gz")
    after.mark_shard("files/1.tar.gz", {})
    assert after.shard_done("files/1.tar.gz")


def test_shards_that_come_fast_are_noted_together(tmp_path, synced, monkeypatch):
    state = State(str(tmp_path))
    state.start_stage("unpack")
    del synced[:]
    monkeypatch.setattr(states, "SHARD_SECONDS", 1e9)
    for number in range(20):
        state.mark_shard(f"files/{number}.tar.gz", {"bytes_written": 1})
    assert synced == []
    monkeypatch.setattr(states, "SHARD_SECONDS", 0.0)
    state.mark_shard("files/20.tar.gz", {"bytes_written": 1})
    kept = State(str(tmp_path))
    assert all(kept.shard_done(f"files/{number}.tar.gz") for number in range(21))
    assert kept.data.get("counters") == {"bytes_written": 21}


def test_a_helper_whose_parent_goes_before_it_has_work_leaves_silently():
    code = "import sys; from agent.run import helper_main; sys.exit(helper_main.main('.', 'unpack', 0, 1))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, input=b"", capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (EXIT_ORPHANED, b"", b"")


def test_the_number_of_a_stage_s_event_is_on_the_disk_with_the_stage_s_own_note(tmp_path, synced):
    state, log = State(str(tmp_path)), Log(str(tmp_path))
    outbox = Outbox(str(tmp_path), "j1", 1, log)
    events = EventLog({"job": "j1", "attempt": 1, "kind": "restore"}, state, outbox, log)
    reported, append = [], outbox.append
    outbox.append = lambda event: (
        reported.append((event["seq"], State(str(tmp_path)).data["callback"]["seq"])),
        append(event),
    )
    del synced[:]
    runner.begin(types.SimpleNamespace(state=state, log=log, events=events, unsent=[]), "unpack")
    # The state's file and its folder, once
    assert reported == [(1, 1)] and len(synced) == 2


def test_how_far_the_whole_is_comes_to_the_disk_with_the_end_of_a_stage(tmp_path):
    state, log = State(str(tmp_path)), Log(str(tmp_path))
    outbox = Outbox(str(tmp_path), "j1", 1, log)
    events = EventLog({"job": "j1", "attempt": 1, "kind": "restore"}, state, outbox, log)
    ctx = types.SimpleNamespace(
        state=state, log=log, events=events, unsent=[], count=lambda *_: None, take_counters=dict
    )
    runner.begin(ctx, "unpack")
    runner.finish(ctx, "unpack", 1.0)
    runner.begin(ctx, "import")
    kept = State(str(tmp_path))
    assert kept.stage_done("unpack") and kept.data.get("percent") == events.percent > 0


def test_an_acknowledged_event_that_cannot_be_taken_away_waits_no_longer(tmp_path):
    outbox = Outbox(str(tmp_path), "j1", 1, Log(str(tmp_path)))
    outbox.append(make_event("j1", 1, 1, "started", 0.0))
    (waiting,) = (tmp_path / "outbox").iterdir()
    waiting.unlink()
    # No more than a file on a read-only disk can it be unlinked
    waiting.mkdir()
    outbox.settle(1)
    assert len(outbox) == 0
