"""The bench of the engine leaves nothing running when it is interrupted, or asked to end."""

import re
import signal
import subprocess
import sys

import pytest

from tests.support.machine.resources import descendants, words_of
from tests.support.waiting import wait_until

SIZE = ["--orders", "40", "--servers", "2", "--workers", "2", "--kill", "2"]
HOME = re.compile(r"driver\.py worker (\S+)")


def processes():
    """Return (parent, command line) of every process of this machine."""
    command = ["ps", "-eww", "-o", "ppid=,args="]
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    return [(int(line.split()[0]), line.strip().partition(" ")[2]) for line in found]


def homes(bench):
    """Return the installation of each worker of the bench that runs."""
    return [found[1] for parent, line in processes() if parent == bench.pid and (found := HOME.search(line))]


@pytest.mark.sampled(of=3, rests=True)
@pytest.mark.parametrize(
    ("number", "more"),
    [(signal.SIGINT, []), (signal.SIGTERM, []), (signal.SIGTERM, ["--broker", "redis", "--restart", "2"])],
    ids=["interrupted", "asked", "asked, with a broker"],
)
def test_asked_to_end_the_bench_leaves_nothing_running(number, more):
    bench = subprocess.Popen([sys.executable, "-m", "tests.bench.engine", *SIZE, *more], start_new_session=True)
    try:
        wait_until(lambda: len(homes(bench)) == 2, seconds=120)
        home, started = homes(bench)[0], descendants(bench.pid)
        assert len(started) >= 4 + bool(more)
        for _ in range(2):
            # An impatient user asks twice
            bench.send_signal(number)
        assert bench.wait(120) == 130
    finally:
        bench.kill()
    assert [line for _parent, line in processes() if home in line] == []
    assert [words_of(pid) for pid in started if words_of(pid)] == []
