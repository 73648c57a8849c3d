"""The brokers that tests start are the run's own, and leave nothing."""

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import leftovers
from tests.support.machine.resources import descendants, words_of

KINDS = ("redis", "rabbitmq")
#: Starts one, and is killed as a whole run may be.
_KILLED = """
import os, pathlib, signal, sys
from tests.support import leftovers
from tests.support.servers.brokers import rabbitmq, redis
leftovers.note_folders(pathlib.Path(sys.argv[2]))
server = {"redis": redis, "rabbitmq": rabbitmq}[sys.argv[1]].start_private()
print(server.directory, server.port, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
pytestmark = pytest.mark.root


def processes_of(server):
    """Return the ids of the server's processes."""
    return [server.process.pid, *descendants(server.process.pid)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_broker_works_for_nobody_else_and_without_rights(request, kind):
    server = request.getfixturevalue(f"{kind}_server")
    for pid in processes_of(server):
        assert server.password not in " ".join(words_of(pid))
        # It may have started another that has ended meanwhile
        with contextlib.suppress(FileNotFoundError):
            assert os.stat(f"/proc/{pid}").st_uid != 0
    assert words_of(server.process.pid)
    heard = subprocess.run(["ss", "-Hltn"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert [line.split()[3] for line in heard.splitlines() if line.split()[3].endswith(f":{server.port}")] == [
        f"127.0.0.1:{server.port}"
    ]


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_killed_run_left_of_a_broker_is_cleared_away(tmp_path, kind):
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, kind, tmp_path / "notes"], stdout=subprocess.PIPE, text=True, check=False
    )
    folder, port = done.stdout.split()
    assert leftovers.clear(tmp_path / "notes") == [folder]
    assert not Path(folder).exists()
    with socket.socket() as asking:
        assert asking.connect_ex(("127.0.0.1", int(port))) != 0
