"""A scratch database server for packing: a private one that lives as long as the packing, or the operator's by URL."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from controller.bundles.connections import (
    SCRATCH,
    SCRATCH_PASSWORD_VARIABLE,
    Address,
    Connection,
    Work,
    connect,
    parse_url,
)
from shared.errors import ShoplaunchError

START_SECONDS = 90
STOP_SECONDS = 30
#: What a new server takes before anything is loaded into it.
ROOM_BYTES = 256 * 1024 * 1024
#: Longest path of a Unix socket.
_MAX_SOCKET_PATH = 100
_SERVER_USER = "mysql"
#: Durability is worth nothing on a server that is thrown away.
_FAST = (
    "--skip-networking",
    # Whoever reaches the socket may read the data, too: nothing is won by encrypting
    "--skip-ssl",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-stats-persistent=0",
    "--debug-no-sync",
    "--innodb-buffer-pool-size=256M",
    "--innodb-log-file-size=128M",
    "--max-allowed-packet=1G",
    "--character-set-server=utf8mb4",
    "--lower-case-table-names=0",
    "--log-bin-trust-function-creators=1",
    "--local-infile=0",
)


class Scratch:
    """Throw-away databases on a server; every one made here is dropped by `close`.

    `address` is asked when the server is needed for the first time, and may start it then.
    """

    def __init__(self, address: Callable[[], Address]) -> None:
        self._address = cache(address)
        self._made: list[str] = []

    def new_database(self, collation: str = "utf8mb4_general_ci") -> str:
        """Make an empty database and return its name. Raises ShoplaunchError `scratch_failed`."""
        name = f"shoplaunch_scratch_{secrets.token_hex(6)}"
        with self.connection(None) as connection:
            charset = collation.split("_", 1)[0]
            connection.query(f"CREATE DATABASE `{name}` CHARACTER SET {charset} COLLATE {collation}")
        self._made.append(name)
        return name

    @contextmanager
    def connection(self, database: str | None, *, counts_found: bool = False) -> Iterator[Connection]:
        """Give a connection to one of the databases, as `connections.connect` makes it."""
        connection = connect(self._address().with_database(database), SCRATCH, counts_found=counts_found)
        try:
            yield connection
        finally:
            connection.close()

    def close(self) -> None:
        """Drop every database made here."""
        with self.connection(None) as connection:
            while self._made:
                connection.query(f"DROP DATABASE IF EXISTS `{self._made.pop()}`")


@contextmanager
def open_scratch(url: str | None, work: Work) -> Iterator[Scratch]:
    """Give a Scratch on the server at `url`, or on a private server started when needed; nothing of it stays behind.

    `work(phase)` is told what takes long. Raises ShoplaunchError `scratch_failed`, also when it is used first.
    """
    if url is None:
        with ExitStack() as stack:
            yield Scratch(lambda: stack.enter_context(_private_server(work)))
        return
    address = parse_url(url, SCRATCH, SCRATCH_PASSWORD_VARIABLE)
    scratch = Scratch(lambda: address)
    try:
        yield scratch
    finally:
        scratch.close()


@contextmanager
def _private_server(work: Work) -> Iterator[Address]:
    server = shutil.which("mariadbd", path=_search_path())
    installer = shutil.which("mariadb-install-db", path=_search_path())
    if server is None or installer is None:
        raise ShoplaunchError(SCRATCH, "mariadbd is not installed")
    directory = Path(tempfile.mkdtemp(prefix="shoplaunch-scratch-"))
    try:
        process = None
        try:
            work("scratch server")
            process = _start(directory, server, installer)
            yield _wait_until_up(process, directory)
        except ShoplaunchError as problem:
            if problem.code != SCRATCH:
                raise
            # A server that cannot write its own files any more ends without a word
            raise _failure(directory, problem.message) from problem
        finally:
            _stop(process)
    finally:
        shutil.rmtree(directory)


def _search_path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def _environment() -> dict[str, str]:
    # Not ours: it may hold the password of the template's database
    return {"PATH": _search_path(), "LC_ALL": "C", "HOME": "/nonexistent"}


def _start(directory: Path, server: str, installer: str) -> subprocess.Popen[bytes]:
    socket = directory / "sock"
    if len(bytes(socket)) > _MAX_SOCKET_PATH:
        raise ShoplaunchError(SCRATCH, "TMPDIR is too long a path for a socket")
    data = directory / "data"
    data.mkdir(mode=0o700)
    as_user: list[str] = []
    if os.geteuid() == 0:
        user = _server_user()
        as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig=KILL"]
        for path in (directory, data):
            os.chown(path, user.pw_uid, user.pw_gid)
    else:
        as_user = ["setpriv", "--pdeathsig=KILL"]
    with (directory / "install.log").open("wb") as log:
        made = subprocess.run(
            [*as_user, installer, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
             "--skip-test-db", *_FAST],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment(), check=False,
        )  # fmt: skip
    if made.returncode != 0:
        raise ShoplaunchError(SCRATCH, f"mariadb-install-db: {_last_lines(directory / 'install.log')}")
    with (directory / "server.log").open("wb") as log:
        # Its own session: a Ctrl-C in the terminal reaches only us, and we stop the server in order
        return subprocess.Popen(
            [*as_user, server, "--no-defaults", f"--datadir={data}", f"--socket={socket}",
             f"--pid-file={directory / 'pid'}", f"--tmpdir={directory}", *_FAST],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment(), start_new_session=True,
        )  # fmt: skip


def _server_user() -> pwd.struct_passwd:
    for name in (_SERVER_USER, "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ShoplaunchError(SCRATCH, "there is no unprivileged user to run the scratch server as")


def _failure(directory: Path, text: str) -> ShoplaunchError:
    """Return why there is no server, or none any more: for lack of room, or `text`."""
    free = shutil.disk_usage(directory).free
    if free < ROOM_BYTES:
        room = f"{free // 1024**2} MB are free for the scratch server, it needs {ROOM_BYTES // 1024**2}"
        return ShoplaunchError("disk_full", f"{directory.parent}: {room}; TMPDIR names another place")
    return ShoplaunchError(SCRATCH, text)


def _wait_until_up(process: subprocess.Popen[bytes], directory: Path) -> Address:
    # It offers no TLS, and getting ready for it takes longer than connecting
    address = Address("localhost", 0, str(directory / "sock"), "root", "", database=None, tls=False)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            connect(address, SCRATCH).close()
            return address
        except ShoplaunchError as problem:
            if process.poll() is not None or time.monotonic() > deadline:
                text = f"the scratch server did not come up: {_last_lines(directory / 'server.log')}"
                raise ShoplaunchError(SCRATCH, text) from problem
            time.sleep(0.02)


def _stop(process: subprocess.Popen[bytes] | None) -> None:
    if process is None or process.poll() is not None:
        return
    # Its data is removed next: an orderly shutdown would only write what nobody reads
    process.kill()
    process.wait(STOP_SECONDS)


def _last_lines(path: Path) -> str:
    return path.read_text("utf-8", "replace")[-600:].strip()
