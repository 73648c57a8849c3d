"""Watches the room a private scratch server takes: what a stranger's dump runs there may write without end."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import ShoplaunchError

_MB = 1024 * 1024
#: What servers and empty tables take, and what is left to others of the disk.
LEAST_BYTES = 2048 * _MB
FLOOR_BYTES = 128 * _MB
#: Short rows with many indexes take ten times what they are in a dump.
MOST_TIMES = 20
EVERY_SECONDS = 1.0


class Room:
    """How much a private server may take; `reason` says why it was ended, "" as long as it was not.

    It is bounded while a dump is loaded; at other times what the disk has left counts alone.
    """

    def __init__(self) -> None:
        self.reason = ""
        self.is_dump = False
        self._most: int | None = None
        self._size = 0

    @contextmanager
    def of_dump(self, size: int) -> Iterator[None]:
        """Bound what is taken while a dump of `size` bytes is loaded."""
        self._size, self._most = size, LEAST_BYTES + MOST_TIMES * size
        try:
            yield
        finally:
            self._most = None

    @contextmanager
    def watched(self, directory: Path, process: subprocess.Popen[bytes]) -> Iterator[None]:
        """End the server that works in `directory` when it takes too much of the disk, or leaves too little."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(EVERY_SECONDS):
                self.reason = self._problem(directory)
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
        """Return why the server was ended; `place` is how far the dump was loaded then."""
        if self.is_dump:
            return ShoplaunchError("dump_outgrows", f"{place}{self.reason}")
        return ShoplaunchError("disk_full", self.reason)

    def _problem(self, directory: Path) -> str:
        """Return why the server must not go on, "" when it may."""
        try:
            free = shutil.disk_usage(directory).free
        except OSError:
            # It was removed: the server's end says so
            return ""
        if free < FLOOR_BYTES:
            return f"{directory.parent}: {free // _MB} MB are free while the scratch server works; TMPDIR names another"
        most = self._most
        taken = _taken(os.fspath(directory)) if most is not None else 0
        if most is None or taken <= most:
            return ""
        self.is_dump = True
        return (
            f"loading its {self._size} bytes has filled {taken // _MB} MB, and goes on:"
            " a trigger or routine may add rows without end"
        )


def _taken(folder: str) -> int:
    """Return the bytes on disk of all files below a folder; what goes meanwhile is none."""
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
