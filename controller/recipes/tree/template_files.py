"""Reads files of an untrusted template: plain files only, of a limited size, without blocking.

Links are followed: the walk that packs the tree judges them.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

#: No program and no configuration of a shop is larger.
MOST_BYTES = 16 * 1024 * 1024


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Yield the plain file at `path`, opened. Raises OSError, for a pipe or a device, too."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "no plain file", str(path))
        yield stream


def read(path: Path) -> bytes:
    """Return the content of the plain file at `path`. Raises OSError, for one of more than MOST_BYTES, too."""
    content = head(path, MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return content


def head(path: Path, most: int) -> bytes:
    """Return the first `most` bytes of the plain file at `path`. Raises OSError."""
    with opened(path) as stream:
        return stream.read(most)
