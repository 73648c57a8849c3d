"""Brings the new tree to its disk while more of it is written, and notes a shard only once it is there."""

import os
import threading

from agent.base.compat import flush_descriptor
from agent.base.failures import as_failure
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Callable, Mapping

    from agent.base.log import Log


class Flushing:
    """What is written below the folder `tree`, which need not be there yet, comes to its disk beside the work.

    `note(member, counters)` is called for each shard that is there. One for which it was not called has to be unpacked
    again: the disk may have lost a part of it, of which the system tells once. To be made before anything is written.
    Safe to use from several threads. Raises OSError.
    """

    def __init__(self, tree: str, note: "Callable[[str, Mapping[str, int]], None]", log: "Log") -> None:
        self._note = note
        self._log = log
        self._guard = threading.Lock()
        self._one_at_a_time = threading.Lock()
        self._waiting: "list[tuple[str, Mapping[str, int]]]" = []
        self._is_running = False
        self._error: "Exception | None" = None
        # Kept: of what was lost each open descriptor hears, a later one not if another has heard of it before
        self._descriptor = os.open(_nearest(tree), os.O_RDONLY | os.O_DIRECTORY)

    def add(self, member: str, counters: "Mapping[str, int]") -> None:
        """The shard `member` (name) is written, by which `counters` (name -> int) was counted.

        Raises ShoplaunchError when something was lost before.
        """
        with self._guard:
            self._waiting.append((member, counters))
            begins, self._is_running = not self._is_running, True
        if begins:
            try:
                threading.Thread(target=self._run, name="flush", daemon=True).start()
            except RuntimeError as error:
                self._log.info("nothing comes to the disk beside the work: %s", error)
                self._run()
        self._check()

    def finish(self) -> None:
        """Everything written so far is on the disk, and noted.

        Raises ShoplaunchError `file_error`, `quota_reached` and their kin when something was lost on the way there, as
        far as the system says so (Linux since 5.8).
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
                # Where that cannot be, the switch waits for all disks, and nobody is told what was lost
                flush_descriptor(self._descriptor)
                for member, counters in shards:
                    self._note(member, counters)
            except (OSError, ShoplaunchError) as error:
                self._error = error

    def _check(self) -> None:
        if isinstance(self._error, OSError):
            problem = "not all of the new tree came to the disk: {}".format(self._error.strerror)
            raise ShoplaunchError(as_failure(self._error).code, problem, stage="unpack")
        if self._error is not None:
            raise self._error


def _nearest(path: str) -> str:
    """Return the folder at `path`, or the nearest above it that is there."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path
