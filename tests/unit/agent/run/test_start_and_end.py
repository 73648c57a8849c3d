"""How the agent's process begins and ends: quickly, and without hiding that something could not be said."""

import gc
import os
import subprocess
import sys

import pytest

from agent.base import compat
from tests.support.worlds.agent_box import PROJECT

#: As cron starts it: what is written waits to be flushed.
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


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
    return subprocess.run(command, cwd=PROJECT, env=BUFFERED, text=True, check=False, stderr=subprocess.PIPE, **options)


def test_what_it_says_arrives_before_it_leaves():
    done = agent("--version", stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout.split()[0]) == (0, "shoplaunch")


@pytest.mark.parametrize("argument", ["--version", "status"])
def test_output_that_cannot_be_written_is_a_failure(argument):
    with open("/dev/full", "w") as full:
        done = agent(argument, stdout=full)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr


@pytest.mark.parametrize("code", [0, 3])
def test_without_any_output_it_ends_all_the_same(code):
    closed = f"exec {sys.executable} -c 'from agent.run.command_line import leave; leave({code})' >&- 2>&-"
    assert subprocess.run(["/bin/sh", "-c", closed], cwd=PROJECT, check=False).returncode == code


@pytest.mark.parametrize(("code", "expected"), [(0, 1), (3, 3)])
def test_where_not_even_a_message_can_be_written_the_exit_code_says_why(code, expected):
    full = f"import sys; from agent.run.command_line import leave; sys.stdout.write(chr(65)); leave({code})"
    with open("/dev/full", "w") as nowhere:
        command = [sys.executable, "-c", full]
        done = subprocess.run(command, cwd=PROJECT, env=BUFFERED, check=False, stdout=nowhere, stderr=nowhere)
    assert done.returncode == expected
