"""How fast and how many bundles are sent: a rate per server, few at once, one per job, none to who is too slow."""

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
#: No server's accounts hold up those of all others.
OF_A_SERVER = 4
#: Bytes a second below which nobody is waited for, and how far behind a receiver may fall.
LEAST_RATE = 16 * 1024
PATIENCE_SECONDS = 60.0
SHORTEST_SECONDS = 1.0
#: The same where others wait for a place.
FAIR_RATE = 128 * 1024
FAIR_SECONDS = 20.0
#: For so long a job whose receiver was too slow takes nobody's place.
SLOW_SECONDS = 120.0
BUFFER_BYTES = 256 * 1024
#: How often a job may fetch its whole bundle: so often at once, and then once in half an hour.
BUNDLES_AT_ONCE = 5
BUNDLE_SECONDS = 1800.0
#: What it costs to begin, in bundles, however little is asked for.
COST_OF_BEGINNING = 0.05
#: At a limited rate pieces are that short, so that a receiver never waits long for the next one.
PIECE_SECONDS = 0.25


class Bucket:
    """Lets `rate` bytes a second through, for all who share it."""

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
    """Whether a receiver takes at least `least` bytes a second; it may fall `seconds` behind, and never gets ahead."""

    def __init__(self, least: int, seconds: float) -> None:
        self._least = least
        self._most = self._left = seconds

    def took(self, count: int, seconds: float) -> None:
        """`count` bytes were taken within `seconds`."""
        self._left = min(self._most, self._left - seconds + count / self._least)

    def left(self, waiting: float = 0.0) -> float:
        """Return how many seconds it may still take for the next bytes, of which `waiting` have passed."""
        return self._left - waiting


class Place:
    """One download under way: whose it is, how fast its receiver is, and how it is cut off from another thread."""

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
        """Whether it was not cut off."""
        return not self._ended.is_set()

    def wait(self, seconds: float) -> None:
        """Wait so long, or until it is cut off."""
        self._ended.wait(seconds)

    def sends_by(self, connection: object) -> None:
        """What is sent goes out by this connection."""
        if isinstance(connection, socket.socket):
            self._connection = connection
            # What lies in the system's buffers is not taken yet
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)

    def gives(self, count: int) -> None:
        """`count` bytes are given to the receiver now; it has to take them in time."""
        if self._connection is not None:
            self._connection.settimeout(max(SHORTEST_SECONDS, self._least.left()))
        self._given = (self._clock(), count)

    def taken(self) -> None:
        """What was given last has been taken."""
        if self._given is not None:
            at, count = self._given
            self._given = None
            for pace in (self._least, self._fair):
                pace.took(count, self._clock() - at)

    def fair_seconds(self) -> float:
        """Return how far its receiver is from being too slow for others to wait for it; below 0 it is."""
        given = self._given
        return self._fair.left(0.0 if given is None else self._clock() - given[0])

    def is_too_slow(self) -> bool:
        """Tell whether its receiver is slower than any may be."""
        return self._least.left() < 0

    def cut(self) -> None:
        """Send no more; a thread that waits for the receiver need not any longer."""
        self._ended.set()
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)


class Downloads:
    """The downloads under way in this process: so many at once, so many of one server, one of a job.

    When there is no place, the slowest receiver gives up its own, if it is slower than a fair one: it keeps what it
    got, and asks for the rest later. Safe for several threads.
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
        #: job -> until when it takes nobody's place.
        self._slow: dict[str, float] = {}
        #: job -> when its allowance is unused again.
        self._used: dict[str, float] = {}

    def begin(self, job: str, server: str = "") -> Place | None:
        """Return the job's place, None when there is none for it; an older download of the job ends."""
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
        """Return how long the job, which has fetched its bundle several times over, has to wait until it may again."""
        ahead = self._used.get(job, 0.0) - self._clock()
        return max(0.0, ahead - (BUNDLES_AT_ONCE - COST_OF_BEGINNING) * BUNDLE_SECONDS)

    def end(self, place: Place, bundles: float = 0.0) -> None:
        """The download is over, so much of its bundle was sent; a newer one of the job goes on."""
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
        """Cut the slowest receiver off whose place serves this one; tell whether there was one."""
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
    """`count` bytes of `stream` from where it stands, at the server's rate; ends early for a newer download, and for a
    receiver that is too slow.

    Whoever iterates closes it, also when it never began.
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
        """The download is over, whole or not."""
        self._stream.close()
        self._downloads.end(self._place, (self._count - self._left) / max(1, self._about.size))
