"""Programs: what they print is bounded, what they complain is read to its end and its last part kept."""

import subprocess

import pytest

from controller.panels.local import commands
from controller.processes import ERROR_BYTES, Bounds, TooMuchOutput, run

BOUNDS = Bounds(seconds=60, output_bytes=100)


def shell(script):
    return run(["sh", "-c", script], subprocess.DEVNULL, BOUNDS)


def test_a_program_that_complains_much_ends_by_itself_and_the_end_of_it_is_kept():
    done = shell("yes AH00112 | head -c 3000000 >&2; echo the reason >&2; echo done; exit 3")
    assert (done.returncode, done.stdout) == (3, b"done\n")
    assert len(done.stderr) == ERROR_BYTES and done.stderr.endswith(b"AH00112\nthe reason\n")


def test_what_a_program_complains_of_shortly_is_kept_whole():
    assert shell("echo one >&2; echo two >&2").stderr == b"one\ntwo\n"


def test_a_command_that_warns_of_every_host_succeeds():
    assert commands.run(["sh", "-c", "yes AH00112 | head -c 3000000 >&2; echo Syntax OK"]) == b"Syntax OK\n"


@pytest.mark.parametrize("size", [100, 101])
def test_a_program_may_print_as_many_bytes_as_are_allowed_and_none_more(size):
    script = f"head -c {size} /dev/zero"
    if size == 100:
        assert shell(script).stdout == bytes(100)
    else:
        with pytest.raises(TooMuchOutput):
            shell(script)
