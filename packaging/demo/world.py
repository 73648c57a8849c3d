"""A complete Shoplaunch on this machine, private services included, for the demo and the system tests.

Everything lies below one directory: state of the controller, accounts, skeleton, MariaDB, PHP-FPM and Apache. Only the
system's cron and user database are shared with the machine. It is driven through the command line, as by an operator.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pymysql

from controller.access.operators import new_password
from controller.files import write_durably
from controller.network.failures import NetworkError
from controller.network.http_client import HttpClient, HttpRequest, Limits, Origin
from controller.network.trust import trusted
from controller.panels.local.private_stack.stack import Stack, free_port

PROJECT = Path(__file__).resolve().parents[2]
SAMPLE_SHOP = PROJECT / "packaging" / "demo" / "sample-shop"
#: The choices that orders for the sample shop offer.
SAMPLE_VARIANTS = SAMPLE_SHOP / "variants.toml"
ANSWER_SECONDS = 180


class WorldFailed(RuntimeError):
    """A command or a service of a world ended badly; its text says which, in the command's own words."""


class World:
    """Shoplaunch with its services below `directory`; `prefix` starts the names of its accounts."""

    def __init__(
        self,
        directory: str | Path,
        *,
        prefix: str = "demo",
        like_http: bool = False,
        php: Sequence[str] = (),
        mariadb_options: Sequence[str] = (),
    ) -> None:
        """`like_http`: serve shops on port 80 when it is free at the first start, else on a free port.

        `php`: php-fpm binaries to offer; by default all that are installed. `mariadb_options`: for the server.
        """
        self.directory = Path(directory)
        self.home = self.directory / "controller"
        self.accounts = self.directory / "accounts"
        self.prefix = prefix
        remembered = self.directory / "http-port"
        port = (
            int(remembered.read_text())
            if remembered.exists()
            else 80
            if like_http and port_is_free(80)
            else free_port()
        )
        self._http_port = port
        self.stack = Stack(
            self.directory / "stack", port, home_base=str(self.accounts), php=php, mariadb_options=mariadb_options
        )
        self.mail = self.directory / "mail"
        #: Names of accounts that an order may be creating right now.
        self._given: set[str] = set()

    # -- the command line ------------------------------------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        """Return the environment in which the command line works on this world."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SHOPLAUNCH_")}
        return {**kept, "SHOPLAUNCH_HOME": str(self.home)}

    def run(self, *arguments: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run `shoplaunch ARGUMENTS`; return the finished process with its output as text. Raises WorldFailed."""
        command = [str(Path(sys.executable).parent / "shoplaunch"), *arguments]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": self.environment(), **options}
        done = subprocess.run(command, text=True, check=False, **options)
        if check and done.returncode != 0:
            # What goes to the terminal was read there
            words = f"{done.stdout or ''}{done.stderr or ''}"
            raise WorldFailed(f"shoplaunch {arguments[0]} ended with {done.returncode}:\n{words}")
        return done

    def json(self, *arguments: str) -> Any:
        """Run `shoplaunch ARGUMENTS --json`; return the document it prints."""
        return json.loads(self.run(*arguments, "--json").stdout)

    # -- starting and stopping -------------------------------------------------------------------------------------

    def start(self) -> dict[str, str]:
        """Start everything; return {"user", "password"} of the operator (password only known to the first start)."""
        self.accounts.mkdir(parents=True, exist_ok=True)
        for folder in (self.directory, self.accounts):
            folder.chmod(0o755)
        self.mail.mkdir(exist_ok=True)
        (self.directory / "http-port").write_text(str(self._http_port))
        self.stack.start()
        start_cron(self.directory)
        login = self._initialise()
        self._serve()
        return login

    def _initialise(self) -> dict[str, str]:
        remembered = self.directory / "operator.json"
        if remembered.exists():
            login: dict[str, str] = json.loads(remembered.read_text("utf-8"))
            return login
        self.home.mkdir(exist_ok=True)
        self._write_settings(free_port())
        login = self.json("init")
        if login["password"] is None:
            # An interrupted start lost the password
            login["password"] = new_password()
            given = self.directory / "operator.password"
            write_durably(given, login["password"].encode("ascii"), 0o600)
            self.run("user", "password", login["user"], "--yes", "--password-file", str(given))
            given.unlink()
        write_durably(remembered, json.dumps(login).encode("utf-8"), 0o600)
        return login

    def _write_settings(self, port: int) -> None:
        lines = [f'public_url = "http://127.0.0.1:{port}"', "", "[mail]", f"folder = {json.dumps(str(self.mail))}"]
        lines += ['sender = "shops@demo.localhost"', 'operator = "operator@demo.localhost"', "", "[local]"]
        tables = []
        for name, value in self.stack.local_settings().items():
            if value and isinstance(value, list) and isinstance(value[0], dict):
                for row in value:
                    tables += ["", f"[[local.{name}]]"] + [f"{key} = {json.dumps(item)}" for key, item in row.items()]
            else:
                lines.append(f"{name} = {json.dumps(value)}")
        settings = self.home / "shoplaunch.toml"
        settings.write_text("\n".join([*lines, *tables]) + "\n", "utf-8")

    @property
    def url(self) -> str:
        """Return the controller's own address."""
        for line in (self.home / "shoplaunch.toml").read_text("utf-8").splitlines():
            if line.startswith("public_url"):
                return line.split('"')[1]
        raise WorldFailed("shoplaunch.toml has no public_url")

    def _serve(self) -> None:
        if self._answers():
            return
        log = self.directory / "serve.log"
        with log.open("ab") as stream:
            process = subprocess.Popen(
                [str(Path(sys.executable).parent / "shoplaunch"), "serve", "--bind", self.url.removeprefix("http://")],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env=self.environment(),
                start_new_session=True,
            )
        (self.directory / "serve.pid").write_text(str(process.pid))
        deadline = time.monotonic() + ANSWER_SECONDS
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise WorldFailed(f"the controller does not answer; its log ends: {log.read_text('utf-8')[-2000:]}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            client = HttpClient(Origin.of(self.url, trusted()))
            return client.ask(HttpRequest("GET", "/healthz"), Limits(seconds=5, body_bytes=65536)).status == 200
        except NetworkError:
            # It listens before it is able to answer
            return False

    def stop_controller(self) -> None:
        """Stop the controller."""
        pid = self.directory / "serve.pid"
        if pid.exists():
            end_process_group(int(pid.read_text()), "serve")
            pid.unlink()

    def remove(self) -> None:
        """Remove everything: accounts, databases, processes, files."""
        if not self.directory.exists():
            return
        self.stop_controller()
        if (self.home / "shoplaunch.toml").exists():
            self._remove_accounts()
        self.stack.remove()
        stop_cron(self.directory)
        shutil.rmtree(self.directory)

    def _remove_accounts(self) -> None:
        from controller.panels.local.driver import LocalPanel
        from controller.panels.local.settings import LocalSettings

        self.stack.start()
        panel = LocalPanel(LocalSettings.from_dict(self.stack.local_settings()))
        for account in panel.list_accounts():
            panel.remove_account(account)

    # -- a template shop and orders ----------------------------------------------------------------------------------

    def database(self, name: str) -> tuple[str, str]:
        """Create database `name` (dropped first) with its own user; return (URL without password, password)."""
        password = secrets.token_hex(12)
        connection = pymysql.connect(unix_socket=str(self.stack.mariadb_socket), user="root", autocommit=True)
        with connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")
            cursor.execute(f"DROP USER IF EXISTS `{name}`@localhost")
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
            cursor.execute(f"CREATE USER `{name}`@localhost IDENTIFIED BY %s", (password,))
            cursor.execute(f"GRANT ALL ON `{name}`.* TO `{name}`@localhost")
        return f"mysql://{name}@localhost/{name}?unix_socket={self.stack.mariadb_socket}", password

    def install_sample(
        self, domain: str = "template.example", pictures_of: Path | None = None
    ) -> tuple[Path, str, str]:
        """Install the sample shop as a template, with the pictures below the document root `pictures_of` where one is
        given; return (document root, database URL, its password)."""
        root = self.directory / "template" / "public_html"
        shutil.rmtree(root.parent, ignore_errors=True)
        root.parent.mkdir()
        url, database_password = self.database("sl_template")
        command = ["php", str(SAMPLE_SHOP / "install.php"), "--docroot", str(root), "--domain", domain]
        command += ["--admin-email", "template@template.example", "--db-url", url]
        command += [] if pictures_of is None else ["--pictures-of", str(pictures_of)]
        secret = {"SAMPLE_SHOP_DB_PASSWORD": database_password, "SAMPLE_SHOP_ADMIN_PASSWORD": secrets.token_urlsafe(12)}
        subprocess.run(
            command, check=True, env={**os.environ, **secret}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return root, url, database_password

    def pack(
        self, root: Path, url: str, password: str, target: Path, variants: Path | None = None, **options: Any
    ) -> None:
        """Pack the template at `root` with its database into `target`; `options` are those of `run`."""
        environment = {**self.environment(), "SHOPLAUNCH_SOURCE_PASSWORD": password}
        more = [] if variants is None else ["--variants", str(variants)]
        self.run(
            "pack",
            "--docroot",
            str(root),
            "--database",
            url,
            *more,
            "-o",
            str(target),
            "--replace",
            env=environment,
            **options,
        )

    def free_account(self) -> str:
        """Return the first of the account names `demo1`, `demo2` … that does not exist and was not returned before."""
        taken = {entry.pw_name for entry in pwd.getpwall()} | self._given
        name = next(name for number in range(1, 10_000) if (name := f"{self.prefix}{number}") not in taken)
        self._given.add(name)
        return name


def port_is_free(port: int) -> bool:
    """Return whether TCP `port` is free on every address of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104 - only to see whether it is in use
        except OSError:
            return False
    return True


def end_process_group(pid: int, word: str) -> None:
    """End the process group of `pid` if its command line still holds `word`; SIGKILL after ten seconds."""
    try:
        if word.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes():
            return
        os.killpg(pid, signal.SIGTERM)
        for _ in range(100):
            time.sleep(0.1)
            with contextlib.suppress(ChildProcessError):
                # A child stays in the process table until it is waited for
                os.waitpid(pid, os.WNOHANG)
            os.killpg(pid, 0)
        os.killpg(pid, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        return


def start_cron(directory: Path) -> None:
    """Start the system's cron daemon unless it runs; a daemon started here is recorded below `directory`."""
    # Not one of a container, which serves that alone
    search = ["pgrep", "--ns", str(os.getpid()), "--nslist", "pid", "-x", "cron"]
    if subprocess.run(search, check=False, stdout=subprocess.DEVNULL).returncode == 0:
        return
    null = subprocess.DEVNULL
    process = subprocess.Popen(["cron", "-f"], stdin=null, stdout=null, stderr=null, start_new_session=True)
    (directory / "cron.pid").write_text(str(process.pid))


def stop_cron(directory: Path) -> None:
    """Stop the cron daemon if `start_cron` started it; leave one that ran before alone."""
    pid = directory / "cron.pid"
    if pid.exists():
        end_process_group(int(pid.read_text()), "cron")
