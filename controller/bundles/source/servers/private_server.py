"""Runs a private database server for packing: with its own folder, uid and socket, removed after the packing."""

from __future__ import annotations

import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from controller.bundles.source.servers.connections import SCRATCH, Address, Work, connect
from controller.bundles.source.servers.scratch_room import Room
from shared.errors import ShoplaunchError

START_SECONDS = 90
STOP_SECONDS = 30
#: Bytes that a new server takes before anything is loaded into it.
ROOM_BYTES = 256 * 1024 * 1024
#: Longest path of a Unix socket.
_MAX_SOCKET_PATH = 100
#: Uids that distributions and systemd leave unused: no other user has one of them.
_UIDS = range(60706, 61184)
#: A server that is thrown away needs no durability.
_FAST = (
    "--skip-networking",
    # A user who reaches the socket may read the data, too: encryption would gain nothing
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
)
#: The loaded data is foreign: the server reads and writes no files for it, and runs no scheduled events.
_SHUT = ("--local-infile=0", "--skip-symbolic-links", "--event-scheduler=DISABLED")


@contextmanager
def private_server(work: Work, room: Room | None = None) -> Iterator[Address]:
    """Yield the address of a new server's administrator; afterwards the server and all its files are removed.

    `room` limits its use of the disk. Raises ShoplaunchError `scratch_failed`, `disk_full`, `dump_outgrows`.
    """
    room = room or Room()
    server = shutil.which("mariadbd", path=_search_path())
    installer = shutil.which("mariadb-install-db", path=_search_path())
    if server is None or installer is None:
        raise ShoplaunchError(SCRATCH, "mariadbd is not installed")
    with ExitStack() as stack:
        uid = stack.enter_context(own_uid()) if os.geteuid() == 0 else None
        directory = Path(tempfile.mkdtemp(prefix="shoplaunch-scratch-"))
        stack.callback(_remove, directory)
        process = None
        try:
            work("scratch server")
            process = _start(directory, server, installer, uid)
            address = _wait_until_up(process, directory)
            with room.watched(directory, process):
                yield address
        except ShoplaunchError as problem:
            if problem.code != SCRATCH:
                raise
            if room.reason:
                raise room.failure() from problem
            # A server that can no longer write its own files ends without a message
            raise _failure(directory, problem.message) from problem
        finally:
            _stop(process)


@contextmanager
def own_uid() -> Iterator[int]:
    """Yield a uid that no user has, on this machine and among packings that run at the same time.

    Raises ShoplaunchError `scratch_failed`.
    """
    for uid in random.sample(_UIDS, len(_UIDS)):
        if not _is_nobodys(uid):
            continue
        with socket.socket(socket.AF_UNIX) as claim:
            try:
                # The kernel releases the name however this process ends
                claim.bind(f"\0shoplaunch-scratch-{uid}")
            except OSError:
                continue
            yield uid
            return
    raise ShoplaunchError(SCRATCH, f"no uid from {_UIDS[0]} to {_UIDS[-1]} is free for the scratch server")


def _is_nobodys(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return _is_mapped(uid)
    return False


def _is_mapped(uid: int) -> bool:
    """Return whether this uid exists here: a container may have few."""
    lines = Path("/proc/self/uid_map").read_text("ascii").splitlines()
    ranges = ([int(part) for part in line.split()] for line in lines)
    return any(first <= uid < first + count for first, _, count in ranges)


def _search_path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def _environment() -> dict[str, str]:
    # Not the packer's: it may hold the password of the template's database
    return {"PATH": _search_path(), "LC_ALL": "C", "HOME": "/nonexistent"}


def _start(directory: Path, server: str, installer: str, uid: int | None) -> subprocess.Popen[bytes]:
    socket_path = directory / "sock"
    if len(bytes(socket_path)) > _MAX_SOCKET_PATH:
        raise ShoplaunchError(SCRATCH, "TMPDIR is too long a path for a socket")
    data, nowhere = directory / "data", directory / "nowhere"
    data.mkdir(mode=0o700)
    # An empty, read-only folder; an empty value would allow every folder
    nowhere.mkdir(mode=0o500)
    as_user = ["setpriv", "--pdeathsig=KILL"]
    if uid is not None:
        as_user += [f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs"]
        for path in (directory, data):
            os.chown(path, uid, uid)
    options = [*_FAST, *_SHUT, f"--secure-file-priv={nowhere}"]
    _install([*as_user, installer, "--no-defaults", f"--datadir={data}"], options, directory / "install.log")
    with (directory / "server.log").open("wb") as log:
        # Its own session: a Ctrl-C in the terminal reaches only the packer, which stops the server in order
        return subprocess.Popen(
            [*as_user, server, "--no-defaults", f"--datadir={data}", f"--socket={socket_path}",
             f"--pid-file={directory / 'pid'}", f"--tmpdir={directory}", *options],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment(), start_new_session=True,
        )  # fmt: skip


def _install(command: Sequence[str], options: Sequence[str], log_path: Path) -> None:
    # Without it nothing is installed where neither this machine's name nor `localhost` resolves
    forced = [*command, "--force"]
    with log_path.open("wb") as log:
        made = subprocess.run(
            [*forced, "--auth-root-authentication-method=normal", "--skip-test-db", *options],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment(), check=False,
        )  # fmt: skip
    if made.returncode != 0:
        raise ShoplaunchError(SCRATCH, f"mariadb-install-db: {_last_lines(log_path)}")


def _failure(directory: Path, text: str) -> ShoplaunchError:
    """Return why the server did not start or has ended: for lack of room, or `text`."""
    if not directory.exists():
        return ShoplaunchError(SCRATCH, f"{directory} was removed while the scratch server worked there")
    free = shutil.disk_usage(directory).free
    if free < ROOM_BYTES:
        room = f"{free // 1024**2} MB are free for the scratch server, it needs {ROOM_BYTES // 1024**2}"
        return ShoplaunchError("disk_full", f"{directory.parent}: {room}; TMPDIR names another place")
    return ShoplaunchError(SCRATCH, text)


def _wait_until_up(process: subprocess.Popen[bytes], directory: Path) -> Address:
    # It offers no TLS, and preparing for TLS takes longer than connecting
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
    # Its data is removed next: an orderly shutdown would only write files that nobody reads
    process.kill()
    process.wait(STOP_SECONDS)


def _remove(directory: Path) -> None:
    # The folder may already be removed: then the earlier error is the one to report
    with suppress(FileNotFoundError):
        shutil.rmtree(directory)


def _last_lines(path: Path) -> str:
    return path.read_text("utf-8", "replace")[-600:].strip()
