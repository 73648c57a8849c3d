"""Wake-up: what makes a job due lets every worker of this machine look at once, in whichever process it is.

A worker listens at a Unix datagram socket in a folder that is closed to everybody but the controller's user. A message
says nothing but "look", and may be lost, doubled or late: the worker's own look now and then is what counts.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import secrets
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from controller.jobs.lifecycle import due_hint

LOG = logging.getLogger(__name__)
FOLDER_MODE = 0o700
#: A machine runs a handful of workers; what lies in the folder beyond these is left alone.
MOST_ENTRIES = 256
MESSAGE = b"\0"
#: What only stops a listener that cannot be closed from being waited for.
CLOSE_SECONDS = 10.0
_NAME = re.compile(r"worker-[0-9a-f]{16}\Z")
#: The sockets of this very process, which needs no message to hear of a hint.
_OWN: set[str] = set()


class Listener:
    """Passes on to this process what other processes notify of, until it is closed."""

    def __init__(self, receiver: socket.socket, path: Path) -> None:
        self._receiver = receiver
        self._path = path
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="wakeups", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hear nothing more; the socket is gone."""
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
                self._receiver.recv(len(MESSAGE))
            except OSError as problem:
                if not self._closed:
                    LOG.warning("jobs of other processes are found by the next look: %s", problem)
                return
            due_hint.notify()


class Wakeup:
    """The workers that listen in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def notify(self) -> None:
        """Let every worker look at once. To be called after the commit of what made a job due."""
        due_hint.notify()
        try:
            self._send()
        except FileNotFoundError:
            # No worker has ever run here
            return
        except OSError as problem:
            LOG.warning("workers of other processes find the job by their next look: %s", problem)

    def listen(self) -> Listener:
        """Return what hears of every `notify` of another process. Raises OSError where that cannot be."""
        self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        name = f"worker-{secrets.token_hex(8)}"
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            with _opened(self._folder) as folder:
                _remove_ended(folder)
                receiver.bind(_place(folder, name))
        except BaseException:
            receiver.close()
            raise
        _OWN.add(name)
        return Listener(receiver, self._folder / name)

    def _send(self) -> None:
        with _opened(self._folder) as folder, _sender() as sender:
            for name in _sockets(folder):
                if name not in _OWN:
                    _tell(sender, folder, name)


def _tell(sender: socket.socket, folder: int, name: str) -> bool:
    """Send one message; return False when nobody listens there any more."""
    try:
        sender.sendto(MESSAGE, _place(folder, name))
    except BlockingIOError:
        # It has not taken the messages before this one yet: it will look
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
    """Give the folder's descriptor. Raises OSError unless it is closed to everybody but its owner and root."""
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
    """Return the path of `name` in an open folder: short enough for a socket wherever the folder is."""
    return f"/proc/self/fd/{folder}/{name}"


def _sockets(folder: int) -> list[str]:
    """Return the names of workers' sockets in an open folder."""
    with os.scandir(folder) as entries:
        few = list(itertools.islice(entries, MOST_ENTRIES))
    return [one.name for one in few if _NAME.match(one.name) and stat.S_ISSOCK(one.stat(follow_symlinks=False).st_mode)]


def _remove_ended(folder: int) -> None:
    """The sockets of workers that were killed are gone."""
    with _sender() as sender:
        for name in _sockets(folder):
            if not _tell(sender, folder, name):
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)
