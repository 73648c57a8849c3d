"""Wake-up: a job that becomes due makes a worker of this machine, in any process, check at once.

A worker listens at a Unix datagram socket in a folder that is closed to everybody but the controller's user. A message
names a server, or says only "look"; it may be lost, duplicated or late, as workers also check at intervals. Of several
workers each server has one that is hinted at first: if all came for one job, all but one would come for nothing.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import os
import re
import socket
import stat
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from controller.jobs.lifecycle import due_hint

LOG = logging.getLogger(__name__)
FOLDER_MODE, SOCKET_MODE = 0o700, 0o600
#: A machine runs a handful of workers; more entries in the folder are ignored.
MOST_ENTRIES = 256
MESSAGE = b"\0"
#: A server's name is no longer.
MOST_BYTES = 255
#: How long to wait for a listener's thread that does not end.
CLOSE_SECONDS = 10.0
_NAME = re.compile(r"worker-[0-9a-f]{16}\Z")
#: The sockets of this process, which gets its hints without a message.
_OWN: set[str] = set()


class Listener:
    """Passes notifications of other processes on to this process, until it is closed."""

    def __init__(self, receiver: socket.socket, path: Path) -> None:
        self._receiver = receiver
        self._path = path
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="wakeups", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and remove the socket."""
        self._closed = True
        _OWN.discard(self._path.name)
        self._path.unlink(missing_ok=True)
        # Closing alone would leave the thread waiting
        with suppress(OSError):
            self._receiver.shutdown(socket.SHUT_RDWR)
        self._thread.join(CLOSE_SECONDS)
        self._receiver.close()

    def _run(self) -> None:
        while not self._closed:
            try:
                message = self._receiver.recv(MOST_BYTES)
            except OSError as problem:
                if not self._closed:
                    LOG.warning("jobs of other processes are found by the next check: %s", problem)
                return
            if self._closed:
                # Woken by its end, not by a hint
                return
            due_hint.notify(message.rstrip(MESSAGE).decode("utf-8", "replace"))


class Wakeup:
    """The workers that listen in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def notify(self) -> None:
        """Let every worker check at once. Call it after the commit that made a job due."""
        due_hint.notify()
        self.notify_others()

    def notify_others(self) -> None:
        """As `notify`, but for the worker of this process."""
        self._tried(self._send)

    def hint(self, server: str) -> None:
        """Let one worker look at the server's jobs: the first of those of this server that takes the message."""
        if not self._tried(lambda: self._send_to_one(server)):
            due_hint.notify(server)

    def has_others(self) -> bool:
        """Return whether workers of other processes listen, or have until they were killed."""

        def look() -> bool:
            with _opened(self._folder) as folder:
                return any(name not in _OWN for name in _sockets(folder))

        return self._tried(look)

    def _tried(self, work: Callable[[], bool]) -> bool:
        try:
            return work()
        except FileNotFoundError:
            # No worker has ever run here
            return False
        except OSError as problem:
            LOG.warning("workers of other processes find the job by their next check: %s", problem)
            return False

    def ended(self) -> list[str]:
        """Return the sockets of workers that were killed: who ends by itself removes its own."""
        found = list[str]()

        def look() -> bool:
            with _opened(self._folder) as folder:
                found.extend(name for name in _sockets(folder) if name not in _OWN and _is_left(folder, name))
            return True

        self._tried(look)
        return found

    def remove(self, names: Iterable[str]) -> None:
        """Remove sockets of workers that were killed."""

        def work() -> bool:
            with _opened(self._folder) as folder:
                for name in names:
                    with suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=folder)
            return True

        self._tried(work)

    def listen(self, worker: str) -> Listener:
        """Return a listener of the `worker` for every `notify` of other processes. Raises OSError where that is
        impossible."""
        self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        name = socket_of(worker)
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            # Before it has a name: Linux gives the name this mode, whatever the umask
            os.fchmod(receiver.fileno(), SOCKET_MODE)
            with _opened(self._folder) as folder:
                receiver.bind(_place(folder, name))
        except BaseException:
            receiver.close()
            raise
        _OWN.add(name)
        return Listener(receiver, self._folder / name)

    def _send(self) -> bool:
        with _opened(self._folder) as folder, _sender() as sender:
            for name in _sockets(folder):
                if name not in _OWN:
                    _wake(sender, folder, name)
        return True

    def _send_to_one(self, server: str) -> bool:
        """Return whether a worker of another process got the hint; the worker of this one needs no message."""
        message = server.encode()[:MOST_BYTES] or MESSAGE
        with _opened(self._folder) as folder, _sender() as sender:
            for name in sorted(_sockets(folder), key=lambda name: zlib.crc32(f"{server} {name}".encode())):
                if name in _OWN:
                    return False
                if _wake(sender, folder, name, message):
                    return True
        return False


def socket_of(worker: str) -> str:
    """Return the name of the worker's socket."""
    return f"worker-{hashlib.sha256(worker.encode()).hexdigest()[:16]}"


def _wake(sender: socket.socket, folder: int, name: str, message: bytes = MESSAGE) -> bool:
    """Send one message; return False when nothing listens there any more."""
    try:
        sender.sendto(message, _place(folder, name))
    except BlockingIOError:
        # Its queue is full of unread messages: it will check
        return True
    except (ConnectionRefusedError, FileNotFoundError):
        return False
    return True


def _sender() -> socket.socket:
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.setblocking(False)
    return sender


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Yield the folder's descriptor. Raises OSError unless it is closed to everybody but its owner and root."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        found = os.fstat(folder)
        is_trusted = found.st_uid in (0, os.geteuid()) or os.geteuid() == 0
        if not is_trusted or stat.S_IMODE(found.st_mode) & 0o077:
            raise PermissionError(f"{path} is open to others, or theirs")
        yield folder
    finally:
        os.close(folder)


def _place(folder: int, name: str) -> str:
    """Return a path for `name` in an open folder: short enough for a socket, wherever the folder is."""
    return f"/proc/self/fd/{folder}/{name}"


def _sockets(folder: int) -> list[str]:
    """Return the names of workers' sockets in an open folder."""
    with os.scandir(folder) as entries:
        few = list(itertools.islice(entries, MOST_ENTRIES))
    return [one.name for one in few if _NAME.match(one.name) and stat.S_ISSOCK(one.stat(follow_symlinks=False).st_mode)]


def _is_left(folder: int, name: str) -> bool:
    """Return whether nothing listens at the socket any more: its process is gone."""
    with _sender() as sender:
        try:
            sender.connect(_place(folder, name))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
