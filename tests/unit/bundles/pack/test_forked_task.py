"""Work in a forked process comes back whole, or as the failure it was, and never outlives who waits for it."""

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from controller.bundles.pack.forked_task import start_forked
from shared.errors import ShoplaunchError
from tests.support.shops.packing import Quiet
from tests.support.waiting import wait_until
from tests.support.worlds.agent_box import PROJECT

#: A packer whose work never ends; it prints the number of the process that works.
ENDLESS = """
import os, time
from controller.bundles.pack.forked_task import start_forked
def work(progress):
    print(os.getpid(), flush=True)
    while True:
        progress.advance(1)
        time.sleep(0.01)
with start_forked(work) as going_on:
    time.sleep(600)
"""


class Counting(Quiet):
    """Keeps phases with their length and the sum of the steps."""

    def __init__(self):
        super().__init__()
        self.steps = 0

    def phase(self, name, total=None):
        self.phases.append((name, total))

    def advance(self, steps=1):
        self.steps += steps


def outcome_of(work, progress=None):
    with start_forked(work) as started:
        return started.outcome(progress or Quiet())


def is_there(pid):
    """Return whether a process lives; a dead one that nobody has waited for has no command line."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_gone(pid):
    wait_until(lambda: not is_there(pid), "it lives on")


def test_the_result_and_all_phases_and_steps_arrive():
    def work(progress):
        progress.phase("files", 1000)
        for _ in range(10):
            progress.advance(100)
        return {"made by": os.getpid()}

    progress = Counting()
    result = outcome_of(work, progress)
    assert result["made by"] != os.getpid()
    assert progress.phases == [("files", 1000)]
    assert progress.steps == 1000


def test_other_work_is_done_until_the_outcome_is_there():
    reading, writing = os.pipe()
    done = []

    def meanwhile():
        done.append(len(done))
        if len(done) == 3:
            os.write(writing, b"x")
        return len(done) < 3

    with start_forked(lambda progress: os.read(reading, 1)) as started:
        assert started.outcome(Quiet(), meanwhile) == b"x"
    os.close(reading)
    os.close(writing)
    assert len(done) >= 3


def test_a_collection_of_garbage_gives_neither_a_copy_of_all_memory():
    filling = [[number] for number in range(300_000)]

    def own_bytes():
        gc.collect()
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) * 1024

    alone = own_bytes()
    reading, writing = os.pipe()
    with start_forked(lambda progress: os.read(reading, 1) and own_bytes()) as started:
        assert own_bytes() < alone / 2
        os.write(writing, b"x")
        assert started.outcome(Quiet()) < alone / 2
    os.close(reading)
    os.close(writing)
    assert len(filling) == 300_000


def test_a_refusal_arrives_as_the_same_error():
    def work(progress):
        raise ShoplaunchError("tree_changed", "a.php changed", retryable=False, places=["a.php"])

    with pytest.raises(ShoplaunchError) as error:
        outcome_of(work)
    assert (error.value.code, error.value.message) == ("tree_changed", "a.php changed")
    assert (error.value.retryable, error.value.details) == (False, {"places": ["a.php"]})


def test_an_unforeseen_failure_arrives_with_the_place_it_happened():
    def work(progress):
        return {}["absent"]

    with pytest.raises(KeyError) as error:
        outcome_of(work)
    assert "test_forked_task.py" in error.value.__notes__[0]


def test_work_that_is_ended_from_outside_is_reported():
    with pytest.raises(ShoplaunchError) as error:
        outcome_of(lambda progress: os.kill(os.getpid(), signal.SIGKILL))
    assert error.value.code == "internal"


def test_what_still_works_ends_with_the_context():
    reading, writing = os.pipe()

    def work(progress):
        os.write(writing, b"%d " % os.getpid())
        signal.pause()

    with start_forked(work):
        pid = int(os.read(reading, 100))
        assert is_there(pid)
    os.close(reading)
    os.close(writing)
    assert not is_there(pid)


def test_a_ctrl_c_for_both_is_answered_by_the_one_that_waits():
    def work(progress):
        os.kill(os.getpid(), signal.SIGINT)
        return "goes on"

    assert outcome_of(work) == "goes on"


def test_work_nobody_waits_for_any_more_ends_itself():
    with subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, cwd=PROJECT) as packer:
        pid = int(packer.stdout.readline())
        packer.kill()
    wait_until_gone(pid)
