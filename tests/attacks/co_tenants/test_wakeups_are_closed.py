"""Who may wake the workers: the controller's own processes, no account of its machine."""

import socket
import stat
import subprocess
import sys

import pytest

from controller.jobs.lifecycle import due_hint
from controller.jobs.lifecycle.wakeup import Wakeup
from tests.attacks.table import attack

#: Nobody's account, and nobody's files.
STRANGER = 65534
SEND = "import socket, sys; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', sys.argv[1])"


@pytest.fixture
def folder(tmp_path):
    for one in (tmp_path, *tmp_path.parents[:2]):
        one.chmod(0o755)
    due_hint.wait(0)
    return tmp_path / "wakeups"


@attack(
    "An account of the controller's machine floods the workers' sockets with messages.",
    "Their folder is closed to it: no message arrives.",
)
def test_a_strangers_messages_wake_no_worker(folder):
    listener = Wakeup(folder).listen("worker")
    try:
        (place,) = folder.iterdir()
        done = subprocess.run(
            [sys.executable, "-c", SEND, str(place)], user=STRANGER, group=STRANGER, extra_groups=[], cwd="/",
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "PermissionError" in done.stderr
        assert not due_hint.wait(0)
    finally:
        listener.close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@attack(
    "The folder of the workers' sockets is open to others, who put sockets of their own there.",
    "Nobody listens there and nothing is sent there; jobs are found by the workers' own look.",
)
def test_a_folder_that_others_can_enter_is_not_used(folder):
    folder.mkdir()
    folder.chmod(0o733)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as planted:
        planted.bind(str(folder / "worker-00000000000000bb"))
        planted.setblocking(False)
        with pytest.raises(OSError, match="open to others"):
            Wakeup(folder).listen("worker")
        Wakeup(folder).notify()
        with pytest.raises(BlockingIOError):
            planted.recv(1)
