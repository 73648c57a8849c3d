"""Flushes the new tree to disk while more of it is written, and notes a shard only once it is on disk."""

import os
import threading

from agent.base.compat import flush_descriptor
from agent.base.failures import as_failure
from agent.base.plain_files import is_folder
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Callable, Mapping

    from agent.base.log import Log


class Flushing:
    """Flushes what is written below the folder `tree`, which need not exist yet, in parallel with the work.

    `note(member, counters)` is called for each shard that is on disk. A shard without that call has to be unpacked
    again: the disk may have lost a part of it, and the system reports that only once. Create it before anything is
    written. Safe to use from several threads. Raises OSError.
    """

    def __init__(self, tree: str, note: "Callable[[str, Mapping[str, int]], None]", log: "Log") -> None:
        self._note = note
        self._log = log
        self._guard = threading.Lock()
        self._one_at_a_time = threading.Lock()
        self._waiting: "list[tuple[str, Mapping[str, int]]]" = []
        self._is_running = False
        self._error: "Exception | None" = None
        # Kept open: Linux reports a write error once per descriptor, but not to one opened after another has got it
        self._descriptor = os.open(_nearest(tree), os.O_RDONLY | os.O_DIRECTORY)

    def add(self, member: str, counters: "Mapping[str, int]") -> None:
        """Note that the shard `member` (name) is written, with `counters` (name -> int); it is flushed soon.

        Raises ShoplaunchError when something was lost before.
        """
        with self._guard:
            self._waiting.append((member, counters))
            begins, self._is_running = not self._is_running, True
        if begins:
            try:
                threading.Thread(target=self._run, name="flush", daemon=True).start()
            except RuntimeError as error:
                self._log.info("files are not flushed in the background: %s", error)
                self._run()
        self._check()

    def finish(self) -> None:
        """Wait until everything written so far is on disk, and noted.

        Raises ShoplaunchError `file_error`, `quota_reached` and the like when something was lost on the way, as far as
        the system reports it (Linux since 5.8).
        """
        self._bring()
        self._check()

    def _run(self) -> None:
        while True:
            with self._guard:
                if not self._waiting:
                    self._is_running = False
                    return
            self._bring()

    def _bring(self) -> None:
        with self._one_at_a_time:
            with self._guard:
                shards, self._waiting = self._waiting, []
            if self._error is not None:
                return
            try:
                # Without syncfs, stage switch flushes all file systems, and lost writes are not reported
                flush_descriptor(self._descriptor)
                for member, counters in shards:
                    self._note(member, counters)
            except (OSError, ShoplaunchError) as error:
                self._error = error

    def _check(self) -> None:
        if isinstance(self._error, OSError):
            problem = "not all of the new tree reached the disk: {}".format(self._error.strerror)
            raise ShoplaunchError(as_failure(self._error).code, problem, stage="unpack")
        if self._error is not None:
            raise self._error


def _nearest(path: str) -> str:
    """Return the folder at `path`, or the nearest existing one above it."""
    while not is_folder(path):
        path = os.path.dirname(path)
    return path
