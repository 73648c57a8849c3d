"""Brings the new tree to its disk while more of it is written: little is left for the switch to wait for."""

import threading

from agent.compat import flush_file_system


class Flushing:
    """Flushes the file system that holds the folder `path`, beside the work, for as often as there is `more`.

    What fails is kept for `finish`: the system tells of what it could not write only once.
    """

    def __init__(self, path, log):
        self._path = path
        self._log = log
        self._more = threading.Event()
        self._one_at_a_time = threading.Lock()
        self._error = None
        self._thread = None
        self._refused = False

    def more(self):
        """There is more that can be brought to the disk."""
        self._more.set()
        if self._refused or (self._thread is not None and self._thread.is_alive()):
            # Should it just be ending, this comes to the disk with the next, or at the end
            return
        self._thread = threading.Thread(target=self._run, name="flush", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            self._refused = True
            self._log.info("the tree comes to the disk later: %s", error)

    def finish(self):
        """Everything written so far is on the disk, now. Raises OSError when something was lost on the way there."""
        self._flush()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _run(self):
        while self._more.is_set():
            self._more.clear()
            self._flush()

    def _flush(self):
        with self._one_at_a_time:
            try:
                flush_file_system(self._path)
            except OSError as error:
                self._error = error
