"""Programs: what they print is bounded, what they complain is read to its end and its last part kept."""

import subprocess
from pathlib import Path

import pytest

from controller import processes
from controller.panels.local import commands
from controller.processes import ERROR_BYTES, Bounds, TooMuchOutput, run
from tests.support.waiting import wait_until

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


def test_what_a_program_left_behind_ends_with_it(tmp_path):
    """It has ended itself; what it began prints too much and goes on."""
    noted = tmp_path / "pid"
    script = f"(trap '' PIPE; echo $BASHPID > {noted}; head -c 2000000 /dev/zero; exec sleep 300) & exit 0"
    with pytest.raises(TooMuchOutput):
        run(["bash", "-c", script], subprocess.DEVNULL, Bounds(60, 1_000_000))
    pid = noted.read_text().strip()
    wait_until(lambda: not (Path("/proc", pid, "cmdline").exists() and Path("/proc", pid, "cmdline").read_bytes()))


@pytest.mark.sampled(of=2, rests=True)
def test_a_program_that_not_even_a_signal_ends_keeps_nobody(monkeypatch):
    """As one that waits for a disk; here the signal is lost."""
    monkeypatch.setattr(processes, "KILL_SECONDS", 0.1)
    monkeypatch.setattr(processes.os, "killpg", lambda *_about: None)
    monkeypatch.setattr(subprocess.Popen, "kill", lambda _process: None)
    began = []
    real = subprocess.Popen.__init__
    monkeypatch.setattr(
        subprocess.Popen, "__init__", lambda made, *about, **more: (began.append(made), real(made, *about, **more))[1]
    )
    with pytest.raises(TimeoutError):
        run(["sleep", "300"], subprocess.DEVNULL, Bounds(0.1, 1000))
    monkeypatch.undo()
    began[0].kill()
    began[0].wait()
