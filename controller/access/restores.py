"""Keeps a restore and other changes to an installation apart: each of them locks the installation's folder."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import ShoplaunchError

#: The folder in which a restore puts the files first, in the installation's own.
STAGING = ".restoring"
#: Others who lock the folder for a moment, as who writes its settings, are waited for.
_PATIENCE_SECONDS = 5.0
_PAUSE_SECONDS = 0.05


@contextmanager
def restoring(home: Path) -> Iterator[None]:
    """Keep others out while this process restores, or ends a restore. Raises restore_running, OSError."""
    with _locked(home, fcntl.LOCK_EX, 0.0):
        yield


@contextmanager
def kept_out(home: Path) -> Iterator[None]:
    """Let no restore begin or end meanwhile: it would put other keys in place of those that this process seals by.

    Raises restore_running while one is under way, or was cut off since this process began; OSError.
    """
    with _locked(home, fcntl.LOCK_SH, _PATIENCE_SECONDS):
        if (home / STAGING).is_dir():
            raise ShoplaunchError("restore_running", f"a restore into {home} was cut off")
        yield


@contextmanager
def _locked(home: Path, how: int, patience: float) -> Iterator[None]:
    try:
        descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        if how == fcntl.LOCK_EX:
            raise
        # Who has the database alone, and no keys
        yield
        return
    try:
        _lock(descriptor, how, time.monotonic() + patience, home)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, how: int, until: float, home: Path) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                what = f"a restore into {home}, or a change of its keys or access, is under way"
                raise ShoplaunchError("restore_running", what) from None
        time.sleep(_PAUSE_SECONDS)
