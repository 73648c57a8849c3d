"""A private Redis for tests: own port, own folder, own password, nothing shared with the machine's server."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from controller.panels.local.private_stack.stack import free_port
from tests.support.servers.brokers.broker_certificate import CERTIFICATE, issue_once

START_SECONDS = 60
USER = "redis"
_ROLE = {"user": USER, "group": USER, "extra_groups": ()}


class Redis:
    """A running server on this machine's port `port`, and over TLS on `tls_port`; everybody logs in with `password`. It
    stores nothing. `ca` is the file of the authority that issued its certificate, for the name localhost."""

    def __init__(self, directory, host="127.0.0.1"):
        self.directory = Path(directory)
        self.host, self.port, self.tls_port = host, free_port(), free_port()
        self.ca = self.directory / "authority.pem"
        self.password = "p'%/@:" + secrets.token_hex(8)
        self.process = None

    def start(self, *more):
        """Start the server, empty; `more` are lines of its configuration. Return once it answers."""
        user = pwd.getpwnam(USER)
        os.chown(self.directory, user.pw_uid, user.pw_gid)
        issue_once(self.directory, user)
        file = self.directory / "redis.conf"
        # Not in the arguments, where everybody of the machine would read it
        file.write_text("\n".join([*self._settings(), *more]) + "\n", "utf-8")
        os.chown(file, user.pw_uid, user.pw_gid)
        file.chmod(0o600)
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", str(file)], stdout=log, stderr=log, cwd=self.directory, **_ROLE
            )
        deadline = time.monotonic() + START_SECONDS
        while self._answer("PING") != "+PONG":
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.stop(hard=True)
                raise RuntimeError((self.directory / "log").read_text("utf-8", "replace"))
            time.sleep(0.02)

    def stop(self, hard=False):
        """Stop the server; everything in it is lost."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGKILL if hard else signal.SIGTERM)
        self.process.wait(60)
        self.process = None

    def freeze(self):
        """From now on the server accepts and never answers."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        """The server goes on where it was frozen."""
        self.process.send_signal(signal.SIGCONT)

    def command(self, *words):
        """Run one command; return its first line as the server wrote it. Raises RuntimeError on an error."""
        answer = self._answer(*words)
        if not answer or answer.startswith("-"):
            raise RuntimeError(f"{words[0]}: {answer}")
        return answer

    def url(self, number=0):
        """Return the URL of the database of a `number`, with its password."""
        return f"redis://:{quote(self.password, safe='')}@{self.host}:{self.port}/{number}"

    def tls_url(self, host="localhost"):
        """Return the URL over TLS, by a name of this machine."""
        return f"rediss://:{quote(self.password, safe='')}@{host}:{self.tls_port}/0"

    def _settings(self):
        return [
            f"bind {self.host}", f"port {self.port}", "unixsocket \"\"", f"dir {self.directory}", 'save ""',
            f"tls-port {self.tls_port}", f"tls-cert-file {self.directory}/{CERTIFICATE}", "tls-auth-clients no",
            f"tls-key-file {self.directory}/{CERTIFICATE}", f"tls-ca-cert-file {self.ca}",
            "appendonly no", "daemonize no", "databases 64", f'requirepass "{self.password}"',
        ]  # fmt: skip

    def _answer(self, *words):
        try:
            with socket.create_connection((self.host, self.port), 10) as connection, connection.makefile("rb") as lines:
                for command in (("AUTH", self.password), words):
                    connection.sendall(_encoded(command))
                    line = lines.readline()
                return line.decode().strip()
        except OSError:
            return ""


def _encoded(words):
    parts = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def start_private():
    """Return a running Redis in a new temporary directory; end it with `stop_private`."""
    server = Redis(tempfile.mkdtemp(prefix="shoplaunch-redis-"))
    server.start()
    return server


def stop_private(server):
    """Stop the server and remove everything it wrote."""
    server.stop(hard=True)
    shutil.rmtree(server.directory)
