"""A web server that is started twice: at a Unix socket, too, the first one goes on, and the second says why it ends."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from controller.settings.loading import load_config
from controller.setup.installation import ensure_installation
from tests.support.waiting import wait_until

SHOPLAUNCH = str(Path(sys.executable).with_name("shoplaunch"))


class House:
    """An installation whose web servers listen at a socket."""

    def __init__(self, home):
        self.place, self.started = home / "web" / "socket", []
        self.place.parent.mkdir(mode=0o700)
        public = {"SHOPLAUNCH_PUBLIC_URL": "https://control.example", "SHOPLAUNCH_BIND": f"unix:{self.place}"}
        self._environment = {**os.environ, "SHOPLAUNCH_HOME": str(home), **public}
        ensure_installation(load_config(self._environment))

    def start(self):
        process = subprocess.Popen(
            [SHOPLAUNCH, "serve", "--no-worker"], env=self._environment, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        self.started.append(process)
        return process

    def answers(self):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            try:
                client.connect(str(self.place))
                client.sendall(b"GET /healthz HTTP/1.1\r\nHost: control.example\r\nConnection: close\r\n\r\n")
                return client.recv(4096).startswith(b"HTTP/1.1 200")
            except OSError:
                return False

    def close(self):
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(60)
            process.stderr.close()


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    yield made
    made.close()


def test_a_second_one_ends_and_the_first_goes_on(house):
    first = house.start()
    wait_until(house.answers)
    second = house.start()
    said = second.communicate(timeout=60)[1]
    assert second.returncode == 1 and "bind_taken" in said and f"{house.place} is in use" in said
    assert house.answers() and first.poll() is None


def test_of_two_that_start_at_once_one_serves(house):
    both = [house.start(), house.start()]
    wait_until(lambda: any(one.poll() is not None for one in both))
    wait_until(house.answers)
    (left,) = [one for one in both if one.poll() is None]
    (ended,) = [one for one in both if one is not left]
    assert ended.returncode == 1 and "bind_taken" in ended.communicate()[1]


def test_what_a_killed_one_left_keeps_nobody_out(house):
    first = house.start()
    wait_until(house.answers)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait(60)
    second = house.start()
    wait_until(house.answers)
    assert second.poll() is None
