"""Whether a Unix socket is the controller's own: who listens there, and who could put another one in its place.

Accounts share the controller's machine, and any of them may hold a port of it while the controller restarts. What an
agent says there goes through a socket instead, once two things hold: the process at the other end is root's or the
controller's user's (SO_PEERCRED, asked before the first byte is sent), and so is everything on the way to the socket,
where nobody else may write.
"""

import os
import socket
import stat

from shared.database_socket import hops, peer_uid
from shared.errors import ShoplaunchError

#: A longer path fits into no address of a socket.
PATH_BYTES = 107
ROOT = 0


def connect(path: str, seconds: float, uid: "int | None" = None) -> "socket.socket":
    """Return a socket connected to the controller at `path`, proven to be its own; `uid` is its user, else root.

    Raises ShoplaunchError `controller_foreign`; OSError where nobody listens.
    """
    users = (ROOT, ROOT if uid is None else uid)
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        for real in hops(path):
            check_place(real, users)
        found.settimeout(seconds)
        found.connect(real)
        _check_user(peer_uid(found), users, "who listens at " + real)
    except OSError as error:
        found.close()
        raise OSError(error.errno, error.strerror or str(error), path) from None
    except BaseException:
        found.close()
        raise
    return found


def check_place(real: str, users: "tuple[int, ...]") -> None:
    """Raise ShoplaunchError `controller_foreign` where others than `users` (uids) may put something else at `real`
    (path whose folders are no links); OSError where there is nothing."""
    path = real
    while path != "/":
        _check_user(os.lstat(path).st_uid, users, "the owner of " + path)
        path = os.path.dirname(path)
        mode = os.lstat(path).st_mode
        # Where everybody may write, only what an owner made is the owner's to replace
        if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
            raise ShoplaunchError("controller_foreign", "others may write to the folder {}".format(path))
    _check_user(os.lstat(path).st_uid, users, "the owner of " + path)


def _check_user(user: int, users: "tuple[int, ...]", role: str) -> None:
    if user not in users:
        raise ShoplaunchError("controller_foreign", "{} is uid {}".format(role, user))
