"""What is said of processes' memory, time and bytes is what they took."""

import subprocess
import sys

import pytest

from tests.support.machine.resources import descendants, name_of, pss_of, usage_of
from tests.support.waiting import wait_until

MIB = 1024 * 1024
HOLDING = "import sys; held = bytearray(b'x') * int(sys.argv[1]); sys.stdin.read()"
BOTH = "import subprocess, sys; raise SystemExit(subprocess.run([sys.executable, *sys.argv[1:]]).returncode)"


@pytest.fixture
def start():
    """Start a Python of this version with these arguments; what still runs is ended with the test."""
    started = []

    def starting(*arguments):
        started.append(
            subprocess.Popen([sys.executable, "-I", "-c", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        )
        return started[-1]

    yield starting
    for process in started:
        with process:
            process.kill()


def test_bytes_of_a_child_and_of_its_children_are_counted(start, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(3 * MIB))
    before = usage_of(start(BOTH, "-c", "pass"))
    copying = f"data = open({str(path)!r}, 'rb').read(); open({str(path) + '2'!r}, 'wb').write(data + data)"
    usage = usage_of(start(BOTH, "-c", copying))
    assert 3 * MIB <= usage.read - before.read < 3.2 * MIB
    assert 6 * MIB <= usage.written - before.written < 6.2 * MIB


def test_memory_is_that_of_all_processes_together(start):
    alone, both = start(HOLDING, str(60 * MIB)), start(BOTH, "-c", HOLDING, str(60 * MIB))
    for process in (alone, both):
        wait_until(lambda process=process: pss_of(process.pid) > 60 * MIB)
    assert descendants(alone.pid) == []
    assert len(descendants(both.pid)) == 1
    assert pss_of(both.pid) < 90 * MIB
    assert pss_of(both.pid, without="another") > 60 * MIB
    assert pss_of(both.pid, without=name_of(both.pid)) == 0
    both.stdin.close()
    assert usage_of(both).pss < 90 * MIB


def test_memory_let_go_before_the_end_is_remembered(start, tmp_path):
    held = f"held = bytearray(b'x') * (60 * {MIB}); import time; time.sleep(1); del held"
    assert 60 * MIB < usage_of(start(held)).pss < 90 * MIB
    assert usage_of(start("pass"), pause=None).pss == 0


def test_the_exit_code_and_the_output_are_left_for_the_caller(start):
    process = start("print('said'); sum(range(5_000_000)); raise SystemExit(3)")
    assert usage_of(process).cpu > 0
    assert process.returncode == 3
    assert process.stdout.read() == b"said\n"
