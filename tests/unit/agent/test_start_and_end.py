"""How the agent's process begins and ends: quickly, and without hiding that something could not be said."""

import gc
import os
import subprocess
import sys

import pytest

from agent import compat
from tests.agent_box import PROJECT


def test_what_a_restore_leaves_behind_is_collected_though_its_modules_are_not():
    gc.disable()
    try:
        compat.keep_modules()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()
        gc.enable()


def agent(argument, **options):
    """Run the agent's command line; return the finished process."""
    command = [sys.executable, "-m", "agent", argument]
    # As cron starts it: what is written waits to be flushed
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(command, cwd=PROJECT, env=buffered, text=True, check=False, stderr=subprocess.PIPE, **options)


def test_what_it_says_arrives_before_it_leaves():
    done = agent("--version", stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout.split()[0]) == (0, "shoplaunch")


@pytest.mark.parametrize("argument", ["--version", "status"])
def test_output_that_cannot_be_written_is_a_failure(argument):
    with open("/dev/full", "w") as full:
        done = agent(argument, stdout=full)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr


def test_without_any_output_it_ends_all_the_same():
    close_all = f"exec {sys.executable} -m agent --version >&- 2>&-"
    assert subprocess.run(["/bin/sh", "-c", close_all], cwd=PROJECT, check=False).returncode in (0, 1)
