"""One agent at a time; a hung, older or orphaned one is replaced, a working one is not."""

import fcntl
import json
import os
import signal
import time

import pytest

from agent.base.compat import process_start
from agent.base.state import boot_id
from agent.session.lock import RECORD_BYTES
from tests.support.machine.resources import stand_still


def begun(box, stage, times=1):
    return lambda: sum(line.startswith(f"{stage} begins") for line in box.trace) >= times


def holder(box):
    return json.loads((box.folder / "lock").read_bytes()[:RECORD_BYTES])


def is_held(path):
    if not path.exists():
        return False
    with path.open() as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def is_stopped(pid):
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] == "T"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def working(box):
    """An agent in the middle of unpack and import; its process."""
    box.with_bundle()
    box.drop()
    box.write_plan(unpack={"wait": "go"}, **{"import": {"wait": "go"}})
    process = box.start()
    box.wait_for(begun(box, "import"))
    # Both shards are there, so that the trace stands still until the test lets it go on
    box.wait_for(lambda: sum(" shard " in line for line in box.trace) == 2)
    return process


def test_a_tick_that_finds_an_agent_at_work_leaves_silently(box, working):
    trace = box.trace
    assert box.run() == 6
    assert box.output == "" and box.errors == ""
    assert box.trace == trace
    (box.home / "go").touch()
    assert working.wait(120) == 0


def test_a_newer_attempt_kills_the_older_agent_and_its_helper(box, working):
    pids = [pid for pid, _ in holder(box)["processes"]]
    assert len(pids) == 2
    box.drop(attempt=2)
    (box.home / "go").touch()
    assert box.run() == 0
    working.wait(120)
    box.wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))
    assert working.returncode in (4, -signal.SIGKILL)


def test_a_hung_agent_is_replaced_and_a_stopped_helper_does_not_keep_the_lock(box, working):
    pids = [pid for pid, _ in holder(box)["processes"]]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    stand_still(pids)
    record = dict(holder(box), progress=time.monotonic() - 601)
    with open(box.folder / "lock", "r+b") as stream:
        stream.write(json.dumps(record).encode().ljust(RECORD_BYTES - 1))
    (box.home / "go").touch()
    assert box.run() == 0
    assert working.wait(120) == -signal.SIGKILL


def test_a_quiet_agent_is_left_alone_before_its_ten_minutes_are_over(box, working):
    record = dict(holder(box), progress=time.monotonic() - 500)
    with open(box.folder / "lock", "r+b") as stream:
        stream.write(json.dumps(record).encode().ljust(RECORD_BYTES - 1))
    # The next agent would wait for what does not come
    assert box.run(seconds=40) == 6
    assert working.poll() is None


def test_a_process_that_only_has_the_same_number_is_never_killed(box):
    """The holder died and its number was given to somebody else; its helper still holds the lock."""
    box.with_bundle()
    box.drop()
    sleeper = box.start_other("sleep", "300")
    helper = box.start_other("flock", "--close", str(box.folder / "lock"), "sleep", "300")
    box.wait_for(lambda: is_held(box.folder / "lock"))
    processes = [[sleeper.pid, 1], [helper.pid, process_start(helper.pid)]]
    record = {"boot": boot_id(), "job": "another", "attempt": 1, "progress": 0.0, "processes": processes}
    (box.folder / "lock").write_bytes(json.dumps(record).encode().ljust(RECORD_BYTES))
    assert box.run() == 0
    assert helper.wait(120) == -signal.SIGKILL
    assert sleeper.poll() is None


def test_a_newer_attempt_does_not_wait_for_an_older_agent_to_leave_by_itself(box, working):
    os.killpg(working.pid, signal.SIGSTOP)
    box.drop(attempt=2)
    (box.home / "go").touch()
    assert box.run() == 0
    assert working.wait(120) == -signal.SIGKILL


def test_a_stopped_helper_whose_parent_is_gone_is_ended_before_anybody_else_works(box, working):
    parent, helper = [pid for pid, _ in holder(box)["processes"]]
    os.kill(helper, signal.SIGSTOP)
    box.wait_for(lambda: is_stopped(helper))
    os.kill(parent, signal.SIGKILL)
    working.wait(120)
    (box.home / "go").touch()
    assert box.run() == 0
    assert not is_stopped(helper)


def test_a_helper_whose_parent_is_killed_leaves_in_the_middle_of_its_work(box, working):
    parent, helper = [pid for pid, _ in holder(box)["processes"]]
    os.kill(parent, signal.SIGKILL)
    working.wait(120)
    # No tick comes that could end it, and what it waits for does not come either
    box.wait_for(lambda: not os.path.exists(f"/proc/{helper}"), seconds=60)
    assert not is_held(box.folder / "lock")


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("victim", ["parent", "helper", "group"])
def test_after_sigkill_the_next_tick_goes_on_and_repeats_no_shard(box, working, victim):
    parent, helper = [pid for pid, _ in holder(box)["processes"]]
    box.wait_for(lambda: sum("shard" in line for line in box.trace) == 2)
    box.wait_for(lambda: len(box.state.get("shards", {})) == 2)
    if victim == "group":
        os.killpg(working.pid, signal.SIGKILL)
    else:
        os.kill(parent if victim == "parent" else helper, signal.SIGKILL)
    (box.home / "go").touch()
    if victim == "helper":
        # The parent does the rest itself
        assert working.wait(120) == 0
    else:
        working.wait(120)
        box.wait_for(lambda: not os.path.exists(f"/proc/{helper}"))
        assert box.run() == 0
    assert sum("shard" in line for line in box.trace) == 2
    assert not box.folder.exists()
