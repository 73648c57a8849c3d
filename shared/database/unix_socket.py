"""Checks that a Unix socket belongs to the database server: who listens, and who could replace it.

The password must not reach anybody else. The path proves nothing, not even one from the settings. Two checks count:
the user of the process at the other end (SO_PEERCRED, read before the first byte is sent), and that no account may
write to any folder on the path. Both use the resolved path.
"""

import collections
import errno
import grp
import os
import pwd
import socket
import stat
import struct

from shared.errors import ShoplaunchError
from shared.system_users import find

MYPY = False
if MYPY:
    from typing import Iterator, Tuple

#: The usual places; the last is checked like the others, and an account's own /tmp never passes.
SOCKETS = ("/var/lib/mysql/mysql.sock", "/run/mysqld/mysqld.sock", "/tmp/mysql.sock")  # noqa: S108
#: The users a kind of server runs as, and the groups that may write to a folder above its socket.
Kind = collections.namedtuple("Kind", "users groups")
MYSQL = Kind(("mysql", "mariadb"), ("root", "mysql", "mariadb"))
POSTGRESQL = Kind(("postgres",), ("root", "postgres"))
#: Users from this uid up that have a name are accounts: no setting makes one of them the database server.
FIRST_ACCOUNT = 1000
MOST_LINKS = 40
_CREDENTIALS = struct.Struct("3i")
_WRITE_GROUP, _WRITE_OTHERS = stat.S_IWGRP, stat.S_IWOTH


def connect(
    path: str, seconds: float, uid: "int | None" = None, own: bool = False, kind: Kind = MYSQL
) -> "socket.socket":
    """Return a socket connected to the database server at `path`, after checking its owner; `seconds` limits each step.

    `uid` is the server's user, where an operator had to name it; with `own` the calling user is accepted as well.
    `kind` is MYSQL or POSTGRESQL.
    Raises ShoplaunchError `db_socket_foreign`, `db_socket_unnamed`; OSError where nothing listens.
    """
    servers = Servers(uid, os.geteuid() if own else 0, kind)
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        for real in hops(path):
            check_place(real, servers)
        found.settimeout(seconds)
        found.connect(real)
        servers.check(peer_uid(found), "who listens at " + real)
    except BaseException:
        found.close()
        raise
    return found


def hops(path: str) -> "Iterator[str]":
    """Yield `path`, the path after each link, and the final target, each with its folders resolved.

    Raises OSError where a path does not exist or the links form a loop.
    """
    for _ in range(MOST_LINKS):
        path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        yield path
        if not os.path.islink(path):
            return
        path = os.path.join(os.path.dirname(path), os.readlink(path))
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def peer_uid(connected: "socket.socket") -> int:
    """Return the uid of the process that listens at the other end of `connected` (socket)."""
    credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    uid: int = _CREDENTIALS.unpack(credentials)[1]
    return uid % 2**32


def check_place(real: str, servers: "Servers") -> None:
    """Raise ShoplaunchError where users other than `servers` could replace the entry `real` (path whose folders are
    no links); OSError where it does not exist."""
    path, owner = real, os.lstat(real).st_uid
    while path != "/":
        path = os.path.dirname(path)
        status = os.lstat(path)
        servers.check(status.st_uid, "the owner of the folder " + path)
        if _is_open(path, status, servers.kind.groups):
            # In a folder writable by everybody, the sticky bit lets only an entry's owner replace it
            if not status.st_mode & stat.S_ISVTX:
                raise ShoplaunchError("db_socket_foreign", "accounts may write to the folder {}".format(path))
            servers.check(
                owner, "the owner of what leads on in {}, where accounts may write,".format(path), anybody=True
            )
        owner = status.st_uid


def _is_open(path: str, status: "os.stat_result", groups: "Tuple[str, ...]") -> bool:
    """Return whether users other than root and the database server, of these `groups`, may write to folder `path`."""
    if status.st_mode & _WRITE_OTHERS:
        return True
    return bool(status.st_mode & _WRITE_GROUP) and (not _is_one_of(groups, status.st_gid) or _has_access_list(path))


def _is_one_of(groups: "Tuple[str, ...]", gid: int) -> bool:
    found = find(grp.getgrgid, gid)
    return found is not None and found.gr_name in groups and set(found.gr_mem) <= set(groups)


def _has_access_list(path: str) -> bool:
    """Return whether `path` has an access list: then the group bits also apply to the users it names."""
    try:
        return bool(os.getxattr(path, "system.posix_acl_access"))
    except OSError:
        return False


class Servers:
    """The users that may be the database server: root, its kind's, the `named` one (uid or None), and `own` (uid)."""

    def __init__(self, named: "int | None" = None, own: int = 0, kind: Kind = MYSQL) -> None:
        self._named = named
        self._own = own
        self.kind = kind

    def check(self, user: int, role: str, anybody: bool = False) -> None:
        """Raise ShoplaunchError unless `user` (uid) is one of them; `role` says how that user relates to the socket.

        Where `anybody` may get that role, a user without a name is refused like every other.
        """
        if user in (0, self._own):
            return
        name = _name_of(user)
        if name in self.kind.users:
            return
        if name is None:
            if user == self._named:
                return
            code = "db_socket_foreign" if anybody else "db_socket_unnamed"
            raise ShoplaunchError(code, "{} is uid {}, which has no name here".format(role, user))
        if user == self._named and user < FIRST_ACCOUNT:
            return
        raise ShoplaunchError("db_socket_foreign", "{} is {} (uid {})".format(role, name, user))


def _name_of(user: int) -> "str | None":
    """Return the name of `user` (uid), None where it has none, like every user outside the container."""
    if user == _overflow_uid() and not _is_mapped(user):
        return None
    found = find(pwd.getpwuid, user)
    return None if found is None else found.pw_name


def _overflow_uid() -> int:
    """Return the uid that stands for users without a mapping into this container."""
    try:
        with open("/proc/sys/kernel/overflowuid", "rb") as stream:
            return int(stream.read(32))
    except (OSError, ValueError):
        return 65534


def _is_mapped(user: int) -> bool:
    """Return whether this uid is mapped into this container, or there is no container."""
    try:
        with open("/proc/self/uid_map", "rb") as stream:
            lines = stream.read(65536).splitlines()
    except OSError:
        return True
    spans = [list(map(int, line.split())) for line in lines]
    return any(first <= user < first + count for first, _, count in spans)
