"""The small cluster: two machines with a web server and workers each, a Redis and a MariaDB; workers are killed."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from controller.jobs.engine.capacity.thread_shares import PER_SERVER
from tests.bench.engine import cluster
from tests.support import leftovers

pytestmark = pytest.mark.root
ORDERS = 24


@pytest.mark.sampled(of=3, rests=True)
def test_every_shop_lives_once_and_servers_keep_their_limit_though_workers_are_killed_and_the_broker_is_emptied():
    # Far more accounts on each server than it has slots: without them as many are worked on as workers have threads
    options = cluster.parsed(["--orders", str(ORDERS), "--servers", "2", "--slowest", "0.1", "--kill", "6"])
    pictures = []
    with contextlib.ExitStack() as stack:
        made = cluster.Cluster(stack, options)

        def show(picture):
            if len(pictures) % 10 == 0:
                made.redis.command("FLUSHALL")
            pictures.append(picture)

        found = cluster.run(made, options, show)
    assert (found["orders"], found["live"], found["notified twice"]) == (ORDERS, ORDERS, 0), found
    assert found["accounts at once on a server"] <= PER_SERVER
    assert pictures


@pytest.mark.sampled(of=3, rests=True)
def test_what_a_cluster_that_is_interrupted_or_killed_leaves_is_nothing(tmp_path):
    for number, left_to_the_next in ((signal.SIGINT, False), (signal.SIGKILL, True)):
        notes = tmp_path / str(int(number))
        code = (
            "import pathlib; from tests.support import leftovers; note = leftovers.note_folders;"
            f"leftovers.NOTES = pathlib.Path({str(notes)!r}); leftovers.clear = lambda: None;"
            "leftovers.note_folders = lambda: note(leftovers.NOTES);"
            "own = leftovers.own_notes; leftovers.own_notes = lambda notes=leftovers.NOTES: own(notes);"
            "from tests.bench.engine import cluster; cluster.main()"
        )
        running = subprocess.Popen(
            [sys.executable, "-c", code, "--orders", "50", "--servers", "3"], start_new_session=True
        )
        try:
            folders = noted(notes, running)
            running.send_signal(number)
            running.wait(120)
        finally:
            running.kill()
        cleared = leftovers.clear(notes)
        assert bool(cleared) == left_to_the_next, cleared
        assert [folder for folder in folders if os.path.exists(folder)] == []
        assert [line for line in processes() if any(folder in line for folder in folders)] == []
        assert [line for line in processes() if "--bind 10.231." in line] == []


def noted(notes, running):
    """Return the folders of a cluster whose workers run."""
    end = time.monotonic() + 120
    while time.monotonic() < end and running.poll() is None:
        found = [line for path in notes.glob("*") for line in path.read_text().splitlines()]
        if sum("driver.py worker" in line and any(f in line for f in found) for line in processes()) >= 4:
            return found
        time.sleep(0.1)
    raise AssertionError("the cluster does not run")


def processes():
    """Return the command lines of this machine."""
    return subprocess.run(
        ["ps", "-eww", "-o", "args"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.splitlines()
