"""POSIX access lists, without external tools: which users may read a file that is closed to everybody else."""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Collection
from pathlib import Path

_NAME = "system.posix_acl_access"
_VERSION = struct.Struct("<I")
_ENTRY = struct.Struct("<HHI")
#: Kinds of entries, in the kernel's order.
_OWNER, _USER, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_NOBODY_NAMED = 0xFFFFFFFF
_READ, _WRITE = 4, 2
_CLOSED = stat.S_IRUSR | stat.S_IWUSR
_LISTED = _CLOSED | stat.S_IRGRP
#: Errors for no support of access lists, no room for so many entries, or a user the file system cannot represent.
_CANNOT = (errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOSPC, errno.E2BIG, errno.EINVAL, errno.ERANGE)


class NotKept(Exception):
    """The file system cannot store such an access list; nothing was changed."""


def readers(path: Path) -> set[int]:
    """Return the ids of the users, besides its owner, that may read the file by its access list. Raises OSError."""
    raw = _raw(path)
    entries = [_ENTRY.unpack_from(raw, at) for at in range(_VERSION.size, len(raw) - _ENTRY.size + 1, _ENTRY.size)]
    mask = next((rights for kind, rights, _ in entries if kind == _MASK), _READ)
    return {user for kind, rights, user in entries if kind == _USER and rights & mask & _READ}


def close_to_all_but(path: Path, users: Collection[int]) -> None:
    """Let only its owner and `users` (ids) read the file; only its owner may write.

    Raises NotKept (never without `users`), OSError.
    """
    wanted = _packed(users) if users else b""
    # With a list, the mode's group bits hold the list's mask
    if stat.S_IMODE(path.lstat().st_mode) == (_LISTED if users else _CLOSED) and _raw(path) == wanted:
        return
    if not users:
        _forget(path)
        path.chmod(_CLOSED)
        return
    try:
        os.setxattr(path, _NAME, wanted, follow_symlinks=False)
    except OSError as problem:
        if problem.errno in _CANNOT:
            raise NotKept(f"{path}: {problem.strerror}") from None
        raise


def _raw(path: Path) -> bytes:
    try:
        return os.getxattr(path, _NAME, follow_symlinks=False)
    except OSError as problem:
        if problem.errno in (errno.ENODATA, *_CANNOT):
            return b""
        raise


def _forget(path: Path) -> None:
    try:
        os.removexattr(path, _NAME, follow_symlinks=False)
    except OSError as problem:
        if problem.errno not in (errno.ENODATA, *_CANNOT):
            raise


def _packed(users: Collection[int]) -> bytes:
    named = [(_USER, _READ, user) for user in sorted(users)]
    entries = [
        (_OWNER, _READ | _WRITE, _NOBODY_NAMED), *named, (_GROUP, 0, _NOBODY_NAMED), (_MASK, _READ, _NOBODY_NAMED),
        (_OTHER, 0, _NOBODY_NAMED),
    ]  # fmt: skip
    return _VERSION.pack(2) + b"".join(_ENTRY.pack(*entry) for entry in entries)
