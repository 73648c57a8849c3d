"""PHP-FPM for one page at a time: the only PHP here that can answer and then go on working."""

import shutil
import socket
import struct
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.fakes.whmcs_php.harness import HERE, WAIT_SECONDS

_BEGIN, _END, _PARAMS, _STDIN, _STDOUT = 1, 3, 4, 5, 6
_RESPONDER = 1


class Fpm:
    """A private PHP-FPM that serves the pages of `whmcs` (harness.Whmcs)."""

    def __init__(self, whmcs):
        self.socket = whmcs.folder / "fpm.sock"
        configuration = whmcs.folder / "fpm.conf"
        lines = ("[global]", f"error_log = {whmcs.folder}/fpm.log", "daemonize = no", "[www]")
        pool = (f"listen = {self.socket}", "user = root", "group = root", "pm = static", "pm.max_children = 2")
        configuration.write_text("\n".join((*lines, *pool, "clear_env = no")) + "\n")
        command = [binary(), "--nodaemonize", "--allow-to-run-as-root", "--fpm-config", str(configuration)]
        self._process = subprocess.Popen(command, env=whmcs.environment())
        deadline = time.monotonic() + WAIT_SECONDS
        while not self.socket.exists():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise AssertionError((whmcs.folder / "fpm.log").read_text())
            time.sleep(0.05)

    def close(self):
        """End it."""
        self._process.terminate()
        self._process.wait(WAIT_SECONDS)

    def get(self, url, cookie):
        """Return what comes back for a GET, headers first, as soon as PHP says that this is all."""
        parts = urlsplit(url)
        asked = {
            "SCRIPT_FILENAME": str(HERE / "php" / "router.php"), "REQUEST_METHOD": "GET", "REQUEST_URI": url,
            "QUERY_STRING": parts.query, "HTTP_COOKIE": cookie, "GATEWAY_INTERFACE": "CGI/1.1",
            "SERVER_PROTOCOL": "HTTP/1.1", "SCRIPT_NAME": parts.path,
        }  # fmt: skip
        pairs = b"".join(_pair(name.encode(), value.encode()) for name, value in asked.items())
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(WAIT_SECONDS)
            wire.connect(str(self.socket))
            wire.sendall(_record(_BEGIN, struct.pack("!HB5x", _RESPONDER, 0)))
            wire.sendall(_record(_PARAMS, pairs) + _record(_PARAMS, b"") + _record(_STDIN, b""))
            return _read(wire.makefile("rb"))


def binary():
    """Return the path of PHP-FPM for the PHP that is installed."""
    version = subprocess.run(
        ["php", "-r", "echo PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION;"], stdout=subprocess.PIPE, check=True
    ).stdout.decode()
    found = shutil.which(f"php-fpm{version}", path="/usr/sbin:/usr/bin") or shutil.which("php-fpm")
    assert found and Path(found).exists(), "PHP-FPM is not installed"
    return found


def _pair(name, value):
    sizes = b"".join(
        bytes([size]) if size < 128 else struct.pack("!I", size | 1 << 31) for size in map(len, (name, value))
    )
    return sizes + name + value


def _record(kind, content):
    return struct.pack("!BBHHBx", 1, kind, 1, len(content), 0) + content


def _read(stream):
    text = b""
    while True:
        _version, kind, _request, size, padding = struct.unpack("!BBHHBx", stream.read(8))
        content = stream.read(size + padding)[:size]
        if kind == _STDOUT:
            text += content
        elif kind == _END:
            return text.decode("utf-8", "replace")
