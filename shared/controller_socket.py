"""Checks that a Unix socket belongs to the controller: who listens, and who could replace it.

Accounts share the controller's machine, and any of them may take its port while the controller restarts. A local agent
therefore uses a socket, after two checks: the process at the other end belongs to root or the controller's user
(SO_PEERCRED, read before the first byte is sent), and so does every folder on the path to the socket, with no
write access for others.
"""

import os
import socket
import stat
import time

from shared.database.unix_socket import hops, peer_uid
from shared.errors import ShoplaunchError

#: Longer paths do not fit into a socket address.
PATH_BYTES = 107
ROOT = 0
_PAUSE_SECONDS = 0.02


def connect(path: str, seconds: float, uid: "int | None" = None) -> "socket.socket":
    """Return a socket connected to the controller at `path`, after checking its owner: user `uid`, or root for None.

    Raises ShoplaunchError `controller_foreign`; OSError where nothing listens.
    """
    users = (ROOT, ROOT if uid is None else uid)
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        for real in hops(path):
            check_place(real, users)
        _enter(found, real, time.monotonic() + seconds)
        _check_user(peer_uid(found), users, "who listens at " + real)
    except OSError as error:
        found.close()
        raise OSError(error.errno, error.strerror or str(error), path) from None
    except BaseException:
        found.close()
        raise
    return found


def _enter(found: "socket.socket", real: str, until: float) -> None:
    """Connect to the socket `real`. While the queue of who listens there is full, wait until `until` (monotonic): of
    that the system says at once that it would have to wait. Raises OSError."""
    while True:
        found.settimeout(max(until - time.monotonic(), _PAUSE_SECONDS))
        try:
            return found.connect(real)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise socket.timeout("time-out")
        time.sleep(_PAUSE_SECONDS)


def check_place(real: str, users: "tuple[int, ...]") -> None:
    """Raise ShoplaunchError `controller_foreign` where users other than `users` (uids) could replace the entry `real`
    (path whose folders are no links); OSError where it does not exist."""
    path = real
    while path != "/":
        _check_user(os.lstat(path).st_uid, users, "the owner of " + path)
        path = os.path.dirname(path)
        mode = os.lstat(path).st_mode
        # In a folder writable by everybody, the sticky bit lets only an entry's owner replace it
        if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
            raise ShoplaunchError("controller_foreign", "others may write to the folder {}".format(path))
    _check_user(os.lstat(path).st_uid, users, "the owner of " + path)


def _check_user(user: int, users: "tuple[int, ...]", role: str) -> None:
    if user not in users:
        raise ShoplaunchError("controller_foreign", "{} is uid {}".format(role, user))
