"""How fast and how many bundles are sent: one bucket of bytes per server, a few downloads at once, one per job."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

from controller.jobs.downloads import Download

PIECE_BYTES = 64 * 1024
#: Every download holds a thread of the web server; the others are for events and pages.
AT_ONCE = 4
#: At a limited rate pieces are that short, so that a receiver never waits long for the next one.
PIECE_SECONDS = 0.25


class Bucket:
    """Lets `rate` bytes a second through, for all who share it."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._guard = threading.Lock()
        self._free_at = 0.0

    def take(self, count: int, rate: int) -> None:
        """Wait until `count` more bytes may go at `rate` bytes a second (0: at once)."""
        if not rate:
            return
        with self._guard:
            now = self._clock()
            begin = max(now, self._free_at)
            self._free_at = begin + count / rate
        if begin > now:
            self._sleep(begin - now)


class Downloads:
    """The downloads under way in this process. Safe for several threads."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._guard = threading.Lock()
        self._running: dict[str, object] = {}
        self._buckets: dict[str, Bucket] = {}

    def begin(self, job: str) -> object | None:
        """Return the job's ticket, None when too many are under way; an older ticket of the job ends."""
        with self._guard:
            if job not in self._running and len(self._running) >= self._at_once:
                return None
            self._running[job] = ticket = object()
            return ticket

    def end(self, job: str, ticket: object) -> None:
        """The download is over; a newer one of the job goes on."""
        with self._guard:
            if self._running.get(job) is ticket:
                del self._running[job]

    def bucket(self, server: str) -> Bucket:
        """Return the server's bucket."""
        with self._guard:
            return self._buckets.setdefault(server, Bucket())

    def is_current(self, job: str, ticket: object) -> bool:
        """Tell whether no newer download of the job has begun."""
        return self._running.get(job) is ticket


class Pieces:
    """`count` bytes of `stream` from where it stands, at the server's rate; ends early for a newer download.

    Whoever iterates closes it, also when it never began.
    """

    def __init__(self, downloads: Downloads, ticket: object, stream: BinaryIO, count: int, about: Download) -> None:
        self._downloads = downloads
        self._ticket = ticket
        self._stream = stream
        self._left = count
        self._about = about
        self._bucket = downloads.bucket(about.server)
        rate = about.rate
        self._longest = min(PIECE_BYTES, max(1, int(rate * PIECE_SECONDS))) if rate else PIECE_BYTES

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self._left or not self._downloads.is_current(self._about.job, self._ticket):
            raise StopIteration
        piece = self._stream.read(min(self._longest, self._left))
        if not piece:
            raise StopIteration
        self._bucket.take(len(piece), self._about.rate)
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        """The download is over, whole or not."""
        self._stream.close()
        self._downloads.end(self._about.job, self._ticket)
