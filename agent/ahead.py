"""Pieces of files made by a thread a little ahead of whoever takes them: unpacking and writing go on at once."""

import collections
import threading


class Ahead:
    """The pieces (bytes) of `sources`, (name, iterable of pieces) one after the other, which a thread takes out of them
    before they are asked for.

    No more is made while `room` bytes wait. What making a piece raises is raised where that piece is asked for. Raises
    RuntimeError where there can be no thread; `close` ends it.
    """

    def __init__(self, sources, room):
        self._sources = sources
        self._room = room
        self._held = 0
        #: (name, piece), and (name, None) behind the last one of each name.
        self._waiting = collections.deque()
        self._changed = threading.Condition()
        self._error = LookupError("there is no other source")
        self._is_over = self._is_closed = False
        self._thread = threading.Thread(target=self._make, name="ahead", daemon=True)
        self._thread.start()

    def pieces(self, name):
        """Yield the pieces of the source `name`, which must be the next one."""
        while True:
            found, piece = self._next()
            if found != name:
                raise LookupError("{} is next, not {}".format(found, name))
            if piece is None:
                return
            yield piece

    def close(self):
        """Nothing more is made, and nothing held."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join()
        self._waiting.clear()

    def _next(self):
        with self._changed:
            while not self._waiting and not self._is_over:
                self._changed.wait()
            if not self._waiting:
                raise self._error
            name, piece = self._waiting.popleft()
            self._held -= len(piece or b"")
            self._changed.notify_all()
            return name, piece

    def _make(self):
        try:
            for name, pieces in self._sources:
                for piece in pieces:
                    if not self._keep(name, piece):
                        return
                self._keep(name, None)
        except BaseException as error:  # noqa: BLE001 - raised where it was asked for
            self._error = error
        finally:
            with self._changed:
                self._is_over = True
                self._changed.notify_all()

    def _keep(self, name, piece):
        """Return whether another piece is to be made, once there is room for it."""
        with self._changed:
            self._waiting.append((name, piece))
            self._held += len(piece or b"")
            self._changed.notify_all()
            while self._held >= self._room and not self._is_closed:
                self._changed.wait()
            return not self._is_closed
