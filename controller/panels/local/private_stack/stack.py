"""A private MariaDB, PHP-FPM and Apache below one directory, next to whatever already runs on the machine."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pymysql

from controller.files import write_durably
from controller.panels.local.php_versions import PhpFpm, installed_binaries, version_of
from controller.panels.local.private_stack import config, processes
from shared.errors import ShoplaunchError

#: The kernel's limit for the path of a Unix socket, without the final NUL.
MAX_SOCKET_PATH_BYTES = 107
FIRST_PORT = 10_000
PORT_TRIES = 1000
LENT_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port(ip: str = "127.0.0.1") -> int:
    """Return a TCP port of `ip`, an address of this machine, that is free now.

    It is outside of the system's range of ephemeral ports (unless that is nearly all): it must be free at every later
    start, too. Raises panel_refused when none is found.
    """
    lent = int(LENT_PORTS.read_text("ascii").split()[0])
    for _ in range(PORT_TRIES):
        port = FIRST_PORT + secrets.randbelow(lent - FIRST_PORT) if lent > FIRST_PORT else 0
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((ip, port))
            return int(probe.getsockname()[1])
    raise ShoplaunchError("panel_refused", f"no port of {ip} is free")


class Stack:
    """Private services under `directory`; `http_port` 0 chooses a free port of `http_ip` once and remembers it.

    `php` names PHP-FPM binaries (default: every installed version, newest first); `mariadb_options` are added to the
    server's command line. Every method may be called any number of times and from any process; all need root.
    """

    def __init__(
        self,
        directory: str | Path,
        http_port: int = 0,
        *,
        php: Sequence[str] = (),
        mariadb_options: Sequence[str] = (),
        home_base: str = "/home",
        http_ip: str = "127.0.0.1",
    ) -> None:
        self.directory = Path(directory).absolute()
        self.mariadb = self.directory / "mariadb"
        self.apache = self.directory / "apache2"
        self.mariadb_socket = self.mariadb / "mysqld.sock"
        self.home_base = home_base
        self.http_ip = http_ip
        self._php = list(php)
        self._mariadb_options = list(mariadb_options)
        self._wanted_port = http_port
        if len(os.fsencode(self.directory)) > MAX_SOCKET_PATH_BYTES - 60:
            raise ShoplaunchError("config_invalid", f"the path is too long for Unix sockets: {self.directory}")

    # -- parts and settings -------------------------------------------------------------------------------------

    @property
    def http_port(self) -> int:
        """Return Apache's port; 0 before the first start of a stack that chooses one itself."""
        return self._wanted_port or int(self._remembered().get("http_port", 0))

    def php_versions(self) -> list[PhpFpm]:
        """Return the PHP-FPM instances of this stack, newest first."""
        versions = []
        for binary in self._php or installed_binaries():
            version = version_of(binary)
            folder = self.directory / f"php{version}"
            versions.append(
                PhpFpm(
                    version=version,
                    command=(binary, "--fpm-config", str(folder / "php-fpm.conf"), *config.php_memory(folder)),
                    pools=str(folder / "pools"),
                    sockets=str(folder / "sockets"),
                    reload=processes.signal_command("USR2", folder / "php-fpm.pid", binary),
                )
            )
        if not versions:
            raise ShoplaunchError("panel_refused", "no php-fpm binary is installed")
        return versions

    def local_settings(self) -> dict[str, object]:
        """Return the `[local]` section that makes the local panel use these services."""
        apache = [config.apache_binary(), "-f", str(self.apache / "apache2.conf")]
        return {
            "home_base": self.home_base,
            "skeleton": str(self.directory / "skel"),
            "state_folder": str(self.directory / "panel"),
            "mariadb_socket": str(self.mariadb_socket),
            "apache_sites": str(self.apache / "sites"),
            "apache_logs": str(self.apache / "log"),
            "apache": apache,
            "apache_reload": [*apache, "-k", "graceful"],
            "http_ip": self.http_ip,
            "http_port": self.http_port,
            "php": [php.as_dict() for php in self.php_versions()],
        }

    def status(self) -> dict[str, bool]:
        """Return service name -> whether it is running."""
        running = {"mariadb": processes.runs(self.mariadb / "mariadb.pid", config.mariadb_binary())}
        for php in self.php_versions():
            running[f"php{php.version}"] = processes.runs(self._php_pid(php), php.command[0])
        running["apache2"] = processes.runs(self.apache / "apache2.pid", config.apache_binary())
        return running

    # -- starting -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start all services and wait until they answer. Raises panel_refused with the end of the service's log."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o755)
        if not self.http_port:
            self._remember({"http_port": free_port(self.http_ip)})
        self._start_mariadb()
        for php in self.php_versions():
            self._start_php(php)
        self._start_apache()

    def _start_mariadb(self) -> None:
        config.install_mariadb(self.mariadb)
        pid = self.mariadb / "mariadb.pid"
        binary = config.mariadb_binary()
        if not processes.runs(pid, binary):
            options = config.mariadb_options(self.mariadb, self.mariadb_socket)
            command = ["start-stop-daemon", "--start", "--background", "--make-pidfile", "--pidfile", str(pid)]
            command += ["--exec", binary, "--", *options, *self._mariadb_options]
            processes.run(command, self.mariadb / "error.log")
        processes.wait("mariadb", self._mariadb_answers, self.mariadb / "error.log", lambda: processes.exists(pid))

    def _mariadb_answers(self) -> bool:
        try:
            pymysql.connect(unix_socket=str(self.mariadb_socket), user="root", ssl_disabled=True).close()
        except pymysql.err.OperationalError:
            return False
        return True

    def _start_php(self, php: PhpFpm) -> None:
        folder = Path(php.pools).parent
        log = folder / "php-fpm.log"
        before = config.php_config(folder)
        idle = config.write_php(folder)
        # An earlier version started it with other options, which a reload cannot change
        if before != config.php_config(folder) or not processes.runs(self._php_pid(php), php.command[0]):
            processes.stop(self._php_pid(php), php.command[0])
            processes.run([*php.command, "--daemonize"], log)
        processes.wait(f"php{php.version}", lambda: processes.accepts(idle), log)

    def _start_apache(self) -> None:
        changed = config.write_apache(self.apache, self.http_ip, self.http_port)
        log = self.apache / "log" / "error.log"
        pid = self.apache / "apache2.pid"
        binary = config.apache_binary()
        # A reload cannot change its processing model and its modules.
        if changed or not processes.runs(pid, binary):
            processes.stop(pid, binary)
            processes.run([binary, "-f", str(self.apache / "apache2.conf"), "-k", "start"], log, umask=0o027)
        # It listens before it has written its process id, without which a second start would start another.
        processes.wait(
            "apache2",
            lambda: processes.listens(self.http_port, self.http_ip) and processes.runs(pid, binary),
            log,
        )

    # -- stopping -----------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop all services; their files stay."""
        processes.stop(self.apache / "apache2.pid", config.apache_binary())
        for php in self.php_versions():
            processes.stop(self._php_pid(php), php.command[0])
        processes.stop(self.mariadb / "mariadb.pid", config.mariadb_binary())

    def remove(self) -> None:
        """Stop all services and remove all files."""
        self.stop()
        if self.directory.exists():
            shutil.rmtree(self.directory)

    # -- helpers ------------------------------------------------------------------------------------------------

    @staticmethod
    def _php_pid(php: PhpFpm) -> Path:
        return Path(php.pools).parent / "php-fpm.pid"

    def _remembered(self) -> dict[str, Any]:
        path = self.directory / "stack.json"
        if not path.exists():
            return {}
        content: dict[str, Any] = json.loads(path.read_text())
        return content

    def _remember(self, content: dict[str, object]) -> None:
        write_durably(self.directory / "stack.json", json.dumps(content).encode() + b"\n", 0o644)
