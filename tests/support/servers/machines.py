"""Machines of a test's own: network namespaces, each with one cable to this machine; gone with the process in them."""

import contextlib
import secrets
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

START_SECONDS = 30
#: Of private networks.
_NETWORK = "10.231.{}.{}"
#: Says so by its name once everything is as it has to be.
_HOLD = 'mount --bind "$1" /etc/resolv.conf; exec sleep infinity'


class Machine:
    """A machine of its own network; `address` is its own one, `gateway` this machine's end of the cable."""

    def __init__(self, folder):
        # A name that is asked for is refused at once: nobody there knows any
        names = Path(folder, "resolv.conf")
        names.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        names.chmod(0o644)
        self._holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-ec", _HOLD, "sh", names], cwd=folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while self._holder.poll() is None and not self._is_ready() and time.monotonic() < deadline:
            time.sleep(0.01)
        if self._holder.poll() is not None:
            pytest.skip(f"no network of its own here: {self._holder.stderr.read().decode()}")
        self._cable = f"sl{secrets.token_hex(5)}"
        self.gateway, self.address = self._connect()

    def command(self, *words):
        """Return the command line that runs `words` on this machine."""
        rooms = f"/proc/{self._holder.pid}/ns"
        return ["nsenter", f"--net={rooms}/net", f"--mount={rooms}/mnt", "--", *map(str, words)]

    def close(self):
        """The machine is gone, and its cable with it, once nothing runs there."""
        self._holder.kill()
        self._holder.wait()
        subprocess.run(["ip", "link", "delete", self._cable], check=False, stderr=subprocess.DEVNULL)

    def _is_ready(self):
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self._holder.pid}/comm").read_text().strip() == "sleep"
        return False

    def _connect(self):
        peer = ["type", "veth", "peer", "name", "eth0", "netns", str(self._holder.pid)]
        _run(["ip", "link", "add", self._cable, *peer])
        part = _free_part()
        gateway, address = _NETWORK.format(part, 1), _NETWORK.format(part, 2)
        _run(["ip", "address", "add", f"{gateway}/30", "dev", self._cable])
        _run(["ip", "link", "set", self._cable, "up"])
        for words in (
            ["address", "add", f"{address}/30", "dev", "eth0"], ["link", "set", "eth0", "up"],
            ["link", "set", "lo", "up"], ["route", "add", "default", "via", gateway],
        ):  # fmt: skip
            _run(self.command("ip", *words))
        return gateway, address


def _free_part():
    taken = subprocess.run(["ip", "-4", "address"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return next(part for part in range(1, 255) if _NETWORK.format(part, 1) not in taken)


def _run(command):
    subprocess.run(command, check=True)


def new_folder():
    """Return a folder in which a machine's processes work: what a killed run leaves is found by it."""
    return Path(tempfile.mkdtemp(prefix="shoplaunch-machine-"))
