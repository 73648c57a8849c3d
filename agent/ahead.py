"""What an iterator yields, made by a thread a little ahead of whoever takes it: unpacking and writing go on at once."""

import collections
import threading


class Ahead:
    """An iterator over (name, piece of bytes), whose items a thread takes out of `items` before they are asked for.

    No more is made while `room` bytes wait. What making an item raises is raised where that item is asked for. Raises
    RuntimeError where there can be no thread; `close` ends it.
    """

    def __init__(self, items, room):
        self._items = items
        self._room = room
        self._held = 0
        self._waiting = collections.deque()
        self._changed = threading.Condition()
        self._error = None
        self._is_over = self._is_closed = False
        self._thread = threading.Thread(target=self._make, name="ahead", daemon=True)
        self._thread.start()

    def pieces(self, name):
        """Yield the pieces that come next and are of `name`."""
        while self._is_next(name):
            with self._changed:
                piece = self._waiting.popleft()[1]
                self._held -= len(piece)
                self._changed.notify_all()
            yield piece

    def close(self):
        """Nothing more is made, and nothing held."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join()
        self._waiting.clear()

    def _is_next(self, name):
        with self._changed:
            while not self._waiting and not self._is_over:
                self._changed.wait()
            if not self._waiting and self._error is not None:
                raise self._error
            return bool(self._waiting) and self._waiting[0][0] == name

    def _make(self):
        try:
            for item in self._items:
                if not self._keep(item):
                    return
        except BaseException as error:  # noqa: BLE001 - raised where it was asked for
            self._error = error
        finally:
            with self._changed:
                self._is_over = True
                self._changed.notify_all()

    def _keep(self, item):
        """Return whether another item is to be made, once there is room for it."""
        with self._changed:
            self._waiting.append(item)
            self._held += len(item[1])
            self._changed.notify_all()
            while self._held >= self._room and not self._is_closed:
                self._changed.wait()
            return not self._is_closed
