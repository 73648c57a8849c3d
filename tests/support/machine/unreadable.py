"""Folders that cannot be read: a home that is closed, or on a disk or a server that fails."""

import errno
import os
from contextlib import contextmanager

#: What a look at a closed home, a broken disk and a network file system that was lost meets.
REASONS = (errno.EACCES, errno.EIO, errno.ESTALE)


@contextmanager
def unreadable(monkeypatch, folder, reason):
    """Let every look at what is in `folder` fail with the error number `reason` within the block."""
    real = {name: getattr(os, name) for name in ("stat", "lstat")}

    def looks(name):
        def look(path, *arguments, **options):
            if not isinstance(path, int) and os.fsdecode(path).startswith(f"{folder}{os.sep}"):
                raise OSError(reason, os.strerror(reason), path)
            return real[name](path, *arguments, **options)

        return look

    with monkeypatch.context() as patch:
        for name in real:
            patch.setattr(os, name, looks(name))
        yield
