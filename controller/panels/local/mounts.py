"""File systems that accounts mount themselves (FUSE): found without asking them, unmounted where necessary."""

from __future__ import annotations

import ctypes
import os
import re
from dataclasses import dataclass
from pathlib import Path

MOUNTINFO = "/proc/self/mountinfo"
_DETACH = 2
_ESCAPED = re.compile(rb"\\([0-7]{3})")
_FLAGS = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Mount:
    """A file system served by a process of an account, mounted at `path`."""

    number: int
    path: bytes


def of(uid: int, top: str) -> list[Mount]:
    """Return the mounts of the account `uid` at `top` or below it, outer ones first."""
    lines = Path(MOUNTINFO).read_bytes().splitlines()
    found = [mount for line in lines if (mount := _of_account(line, uid)) is not None]
    return sorted((mount for mount in found if _is_below(mount.path, os.fsencode(top))), key=lambda mount: mount.path)


def is_over(uid: int, folder: str) -> bool:
    """Return whether the account has mounted something at `folder` itself; access to such a mount may block forever."""
    return any(mount.path == os.fsencode(folder) for mount in of(uid, folder))


def detach(uid: int, base: str, top: str) -> None:
    """Unmount everything that the account has mounted at `top` or below it; `base` is the folder above its home.

    Mounts inside of such a file system are detached with it. Open files on it stay open.
    """
    done: list[bytes] = []
    for mount in of(uid, top):
        if not any(_is_below(mount.path, outer) for outer in done):
            _detach(mount, os.fsencode(base))
            done.append(mount.path)


def _of_account(line: bytes, uid: int) -> Mount | None:
    before, _, after = line.partition(b" - ")
    fields, more = before.split(b" "), after.split(b" ")
    if not more[0].startswith(b"fuse") or f"user_id={uid}".encode() not in more[-1].split(b","):
        return None
    path = _ESCAPED.sub(lambda escaped: bytes([int(escaped[1], 8)]), fields[4])
    return Mount(int(fields[0]), path)


def _is_below(path: bytes, top: bytes) -> bool:
    return path == top or path.startswith(top.rstrip(b"/") + b"/")


def _detach(mount: Mount, base: bytes) -> None:
    """Unmount it, unless a link leads elsewhere on the way to it, or something else is mounted there by now."""
    folder = os.open(base, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in mount.path[len(base.rstrip(b"/")) + 1 :].split(b"/"):
            # The last part may be a file
            inner = os.open(name, _FLAGS, dir_fd=folder)
            os.close(folder)
            folder = inner
        # This file in /proc leads to exactly this folder, whatever happens to its name
        if f"mnt_id:\t{mount.number}\n" in Path(f"/proc/self/fdinfo/{folder}").read_text():
            ctypes.CDLL(None, use_errno=True).umount2(f"/proc/self/fd/{folder}".encode(), _DETACH)
    except OSError:
        # It was moved meanwhile; code that needs the place reports it
        return
    finally:
        os.close(folder)
