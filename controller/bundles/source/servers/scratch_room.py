"""Limits the disk space of a private scratch server: statements of a foreign dump may write without end."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from shared.errors import ShoplaunchError

_MB = 1024 * 1024
#: Bytes that servers and empty tables take, and bytes of the disk to leave free for others.
LEAST_BYTES = 2048 * _MB
FLOOR_BYTES = 128 * _MB
#: Short rows with many indexes take ten times their size in a dump.
MOST_TIMES = 20
EVERY_SECONDS = 1.0
#: Adding up the files takes longer than querying free space: it is done once in so many times.
EVERY_TIMES = 3


class Room:
    """The disk space a private server may take; `reason` says why it was ended, "" as long as it was not.

    Only the disk limits it until the template's size is known.
    """

    def __init__(self) -> None:
        self.reason = ""
        self._is_outgrown = False
        self._most: int | None = None
        self._size = 0

    def bound(self, size: int) -> None:
        """Set the limit for a template whose dump or tables have `size` bytes."""
        self._size, self._most = size, LEAST_BYTES + MOST_TIMES * size

    @contextmanager
    def watched(self, directory: Path, process: subprocess.Popen[bytes]) -> Iterator[None]:
        """Within the context, end the server in `directory` if it takes too much of the disk or leaves too little."""
        over = threading.Event()

        def watch() -> None:
            for number in count():
                if over.wait(EVERY_SECONDS):
                    return
                self.reason = self._problem(directory, is_full=number % EVERY_TIMES == 0)
                if self.reason:
                    process.kill()
                    return

        thread = threading.Thread(target=watch, name="scratch-room", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def failure(self, place: str = "") -> ShoplaunchError:
        """Return why the server was ended; `place` says how far the dump was loaded then."""
        if self._is_outgrown:
            return ShoplaunchError("dump_outgrows", f"{place}{self.reason}")
        return ShoplaunchError("disk_full", self.reason)

    def _problem(self, directory: Path, is_full: bool) -> str:
        """Return why the server must end, "" when it may continue; add up its files if `is_full`."""
        try:
            free = shutil.disk_usage(directory).free
        except OSError:
            # The folder was removed: the server's end reports it
            return ""
        if free < FLOOR_BYTES:
            return f"{directory.parent}: {free // _MB} MB are free while the scratch server works; TMPDIR names another"
        most = self._most
        if most is None or not is_full:
            return ""
        taken = _taken(os.fspath(directory))
        if taken <= most:
            return ""
        self._is_outgrown = True
        return f"{self._size} bytes have filled {taken // _MB} MB: a trigger or routine may add rows without end"


def _taken(folder: str) -> int:
    """Return the bytes on disk of all files below a folder; files that vanish meanwhile do not count."""
    taken = 0
    try:
        with os.scandir(folder) as found:
            for one in found:
                if one.is_dir(follow_symlinks=False):
                    taken += _taken(one.path)
                else:
                    taken += one.stat(follow_symlinks=False).st_blocks * 512
    except FileNotFoundError:
        return taken
    return taken
