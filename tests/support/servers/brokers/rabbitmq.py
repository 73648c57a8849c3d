"""A private RabbitMQ for tests: own ports, own folder, own port mapper, nothing shared with the machine's server."""

import contextlib
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

START_SECONDS = 180
COMMAND_SECONDS = 120
USER = "rabbitmq"
_ROLE = {"user": USER, "group": USER, "extra_groups": ()}
NAME = "shoplaunch"


def programs():
    """Return the folder with the newest server's programs: those in the path change to the machine's own user."""
    return sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin"))[-1]


class RabbitMQ:
    """A running server on this machine's port `port`, and over TLS on `tls_port`; everybody logs in as NAME with
    `password`. `ca` is the file of the authority that issued its certificate, for the name localhost."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.port, self.tls_port, self._distribution, self._mapper = (free_port() for _ in range(4))
        self.ca = self.directory / "authority.pem"
        self.password = "p%/@?" + secrets.token_hex(8)
        self.process = self._epmd = None

    def start(self):
        """Start the server with what it kept; return once it takes connections."""
        user = pwd.getpwnam(USER)
        os.chown(self.directory, user.pw_uid, user.pw_gid)
        issue_once(self.directory, user)
        self._write("rabbitmq.conf", "\n".join(self._settings()) + "\n")
        self._write("plugins", "[].\n")
        with (self.directory / "log").open("ab") as log:
            # Else the server would start one that outlives it, where no folder says whose it is
            self._epmd = self._epmd or self._process(["epmd", "-address", "127.0.0.1"], log)
            self.process = self._process([str(programs() / "rabbitmq-server")], log)
        deadline = time.monotonic() + START_SECONDS
        while not self._takes_connections():
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.stop()
                raise RuntimeError((self.directory / "log").read_text("utf-8", "replace"))
            time.sleep(0.1)

    def stop(self):
        """The server is killed, as are its helpers; what was durable is there again after `start`."""
        for process in filter(None, (self.process, self._epmd)):
            # Its shell and the virtual machine, without which what that started ends
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(60)
        self.process = self._epmd = None

    def freeze(self):
        """From now on the server accepts and never answers."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        """The server goes on where it was frozen."""
        os.killpg(self.process.pid, signal.SIGCONT)

    def control(self, *words):
        """Run a command of `rabbitmqctl`; return what it prints."""
        command = [str(programs() / "rabbitmqctl"), "--quiet", *words]
        done = subprocess.run(
            command, env=self._environment(), cwd=self.directory, check=True, timeout=COMMAND_SECONDS,
            stdout=subprocess.PIPE, text=True, **_ROLE,
        )  # fmt: skip
        return done.stdout

    def url(self, host=""):
        """Return the URL of a virtual host, with the password; "" is the one that is always there."""
        return f"amqp://{NAME}:{quote(self.password, safe='')}@127.0.0.1:{self.port}/{quote(host, safe='')}"

    def tls_url(self, host="localhost"):
        """Return the URL over TLS, by a name of this machine."""
        return f"amqps://{NAME}:{quote(self.password, safe='')}@{host}:{self.tls_port}/"

    def new_host(self):
        """Return the name of a new virtual host, empty."""
        name = "t" + secrets.token_hex(6)
        self.control("add_vhost", name)
        self.control("set_permissions", "-p", name, NAME, ".*", ".*", ".*")
        return name

    def _write(self, name, text):
        file = self.directory / name
        user = pwd.getpwnam(USER)
        file.write_text(text, "utf-8")
        os.chown(file, user.pw_uid, user.pw_gid)
        file.chmod(0o600)

    def _settings(self):
        return [
            f"listeners.tcp.1 = 127.0.0.1:{self.port}", f"default_user = {NAME}", f"default_pass = {self.password}",
            f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}", f"ssl_options.cacertfile = {self.ca}",
            f"ssl_options.certfile = {self.directory}/{CERTIFICATE}", "ssl_options.verify = verify_none",
            f"ssl_options.keyfile = {self.directory}/{CERTIFICATE}",
            "vm_memory_high_watermark.absolute = 512MB", "disk_free_limit.absolute = 1MB", "log.console = true",
        ]  # fmt: skip

    def _environment(self):
        folder = str(self.directory)
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": folder, "LANG": "C.UTF-8", "RABBITMQ_BASE": folder,
            "RABBITMQ_NODENAME": f"{NAME}@localhost", "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null", "RABBITMQ_ADVANCED_CONFIG_FILE": f"{folder}/none.config",
            "RABBITMQ_MNESIA_BASE": f"{folder}/data", "RABBITMQ_LOG_BASE": folder, "RABBITMQ_LOGS": "-",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins", "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_PID_FILE": f"{folder}/pid", "RABBITMQ_FEATURE_FLAGS_FILE": f"{folder}/flags",
            "ERL_EPMD_PORT": str(self._mapper), "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
        }  # fmt: skip

    def _process(self, command, log):
        return subprocess.Popen(
            command, env=self._environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
            start_new_session=True, **_ROLE,
        )  # fmt: skip

    def _takes_connections(self):
        """Return whether the server answers the beginning of its protocol: its port is open some time before."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
                connection.settimeout(10)
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return connection.recv(1) == b"\x01"
        except OSError:
            return False


def start_private():
    """Return a running RabbitMQ in a new temporary directory; end it with `stop_private`."""
    server = RabbitMQ(tempfile.mkdtemp(prefix="shoplaunch-rabbitmq-"))
    server.start()
    return server


def stop_private(server):
    """Stop the server and remove everything it wrote."""
    server.stop()
    shutil.rmtree(server.directory)
