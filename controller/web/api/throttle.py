"""Limits on downloads of bundles: a rate per server, few in parallel, one per job, none for slow receivers."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

from controller.jobs.agent_link.downloads import Download

PIECE_BYTES = 64 * 1024
#: Every download holds a thread of the web server; the others are for events, orders and pages.
AT_ONCE = 6
#: No server's accounts may block those of all others.
OF_A_SERVER = 4
#: Bytes a second below which a receiver is cut off, and how far behind it may fall.
LEAST_RATE = 16 * 1024
PATIENCE_SECONDS = 60.0
SHORTEST_SECONDS = 1.0
#: The same where other downloads wait for a place.
FAIR_RATE = 128 * 1024
FAIR_SECONDS = 20.0
#: For so long a job with a receiver that was too slow displaces no other download.
SLOW_SECONDS = 120.0
BUFFER_BYTES = 256 * 1024
#: How often a job may fetch its whole bundle: this many times in a row, then once in half an hour.
BUNDLES_AT_ONCE = 5
BUNDLE_SECONDS = 1800.0
#: The cost of starting a download, in bundles, however little is requested.
COST_OF_BEGINNING = 0.05
#: At a limited rate a piece takes this long, so that a receiver never waits long for the next one.
PIECE_SECONDS = 0.25


class Bucket:
    """Let `rate` bytes a second through, shared by all who use the bucket."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] | None = None
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._guard = threading.Lock()
        self._free_at = 0.0

    def take(self, count: int, rate: int, wait: Callable[[float], object] = time.sleep) -> None:
        """Wait until `count` more bytes may go at `rate` bytes a second (0: at once); `wait` may return early."""
        if not rate:
            return
        with self._guard:
            now = self._clock()
            begin = max(now, self._free_at)
            self._free_at = begin + count / rate
        if begin > now:
            (self._sleep or wait)(begin - now)


class Pace:
    """Track whether a receiver takes `least` bytes a second; it may fall `seconds` behind, and never gets ahead."""

    def __init__(self, least: int, seconds: float) -> None:
        self._least = least
        self._most = self._left = seconds

    def took(self, count: int, seconds: float) -> None:
        """Record that `count` bytes were taken within `seconds`."""
        self._left = min(self._most, self._left - seconds + count / self._least)

    def left(self, waiting: float = 0.0) -> float:
        """Return how many seconds remain for the next bytes, of which `waiting` have passed."""
        return self._left - waiting


class Place:
    """One download under way: its job and server, the speed of its receiver, and how another thread cuts it off."""

    def __init__(self, job: str, server: str, clock: Callable[[], float]) -> None:
        self.job, self.server = job, server
        self._ended = threading.Event()
        self._clock = clock
        self._connection: socket.socket | None = None
        self._given: tuple[float, int] | None = None
        self._least = Pace(LEAST_RATE, PATIENCE_SECONDS)
        self._fair = Pace(FAIR_RATE, FAIR_SECONDS)

    @property
    def is_current(self) -> bool:
        """Return whether the download has not been cut off."""
        return not self._ended.is_set()

    def wait(self, seconds: float) -> None:
        """Wait for `seconds`, or until the download is cut off."""
        self._ended.wait(seconds)

    def sends_by(self, connection: object) -> None:
        """Set the connection that the download is sent over."""
        if isinstance(connection, socket.socket):
            self._connection = connection
            # Bytes in the system's buffers do not count as taken
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)

    def gives(self, count: int) -> None:
        """Record that `count` bytes are handed to the receiver now; it has to take them in time."""
        if self._connection is not None:
            self._connection.settimeout(max(SHORTEST_SECONDS, self._least.left()))
        self._given = (self._clock(), count)

    def taken(self) -> None:
        """Record that the receiver has taken the last bytes."""
        if self._given is not None:
            at, count = self._given
            self._given = None
            for pace in (self._least, self._fair):
                pace.took(count, self._clock() - at)

    def fair_seconds(self) -> float:
        """Return the seconds its receiver may still lose while others wait for a place; below 0 it is too slow."""
        given = self._given
        return self._fair.left(0.0 if given is None else self._clock() - given[0])

    def is_too_slow(self) -> bool:
        """Return whether its receiver is slower than the least rate allows."""
        return self._least.left() < 0

    def cut(self) -> None:
        """Stop the download, and wake a thread that waits for the receiver."""
        self._ended.set()
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)


class Downloads:
    """The downloads under way in this process, limited in total, per server, and to one per job.

    When there is no place, the slowest receiver gives up its own, if it is slower than the fair rate: it keeps what it
    got, and requests the rest later. Thread-safe.
    """

    def __init__(
        self, at_once: int = AT_ONCE, of_a_server: int = OF_A_SERVER, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._at_once = at_once
        self._of_a_server = of_a_server
        self._clock = clock
        self._guard = threading.Lock()
        self._running: dict[str, Place] = {}
        self._buckets: dict[str, Bucket] = {}
        #: job -> until when it displaces no other download.
        self._slow: dict[str, float] = {}
        #: job -> when its allowance is full again.
        self._used: dict[str, float] = {}

    def begin(self, job: str, server: str = "") -> Place | None:
        """Return the job's place, None when there is none; an older download of the job ends."""
        with self._guard:
            if self.wait_seconds(job) > 0:
                return None
            older = self._running.pop(job, None)
            if older is not None:
                older.cut()
            elif not self._has_room(server) and not self._make_room(job, server):
                return None
            self._running[job] = place = Place(job, server, self._clock)
            self._spend(job, COST_OF_BEGINNING)
            return place

    def wait_seconds(self, job: str) -> float:
        """Return how long a job that has used up its allowance has to wait before it may fetch its bundle again."""
        ahead = self._used.get(job, 0.0) - self._clock()
        return max(0.0, ahead - (BUNDLES_AT_ONCE - COST_OF_BEGINNING) * BUNDLE_SECONDS)

    def end(self, place: Place, bundles: float = 0.0) -> None:
        """End the download, of which `bundles` (a fraction of its bundle) was sent; a newer one of the job goes on."""
        with self._guard:
            self._spend(place.job, bundles)
            if self._running.get(place.job) is place:
                del self._running[place.job]

    def bucket(self, server: str) -> Bucket:
        """Return the server's bucket."""
        with self._guard:
            return self._buckets.setdefault(server, Bucket())

    def _has_room(self, server: str) -> bool:
        of_server = sum(place.server == server for place in self._running.values())
        return len(self._running) < self._at_once and of_server < self._of_a_server

    def _make_room(self, job: str, server: str) -> bool:
        """Cut off the slowest receiver in the way of this download; return whether there was one."""
        now = self._clock()
        self._slow = {name: until for name, until in self._slow.items() if until > now}
        if job in self._slow:
            return False
        of_server = [place for place in self._running.values() if place.server == server]
        among = of_server if len(of_server) >= self._of_a_server else list(self._running.values())
        slowest = min(among, key=Place.fair_seconds)
        if slowest.fair_seconds() >= 0:
            return False
        slowest.cut()
        del self._running[slowest.job]
        self._slow[slowest.job] = now + SLOW_SECONDS
        return True

    def _spend(self, job: str, bundles: float) -> None:
        now = self._clock()
        self._used = {name: until for name, until in self._used.items() if until > now}
        self._used[job] = max(self._used.get(job, 0.0), now) + bundles * BUNDLE_SECONDS


class Pieces:
    """Yield `count` bytes of `stream` from its position, at the server's rate.

    Ends early for a newer download of the job and for a receiver that is too slow. The consumer must close it, even
    when iteration never began.
    """

    def __init__(self, downloads: Downloads, place: Place, stream: BinaryIO, count: int, about: Download) -> None:
        self._downloads = downloads
        self._place = place
        self._stream = stream
        self._left = self._count = count
        self._about = about
        self._bucket = downloads.bucket(about.server)
        rate = about.rate
        self._longest = min(PIECE_BYTES, max(1, int(rate * PIECE_SECONDS))) if rate else PIECE_BYTES

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self._place.taken()
        if self._place.is_too_slow():
            self._place.cut()
        piece = self._stream.read(min(self._longest, self._left)) if self._place.is_current else b""
        if not piece:
            raise StopIteration
        self._bucket.take(len(piece), self._about.rate, self._place.wait)
        self._left -= len(piece)
        self._place.gives(len(piece))
        return piece

    def close(self) -> None:
        """End the download, complete or not."""
        self._stream.close()
        self._downloads.end(self._place, (self._count - self._left) / max(1, self._about.size))
