"""The web server's worker: a request occupies a thread only after all of it has arrived, however slowly it is sent."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import selectors
import socket
import sys
import termios
import time
from collections import Counter
from collections.abc import Hashable
from functools import partial
from typing import Any

from gunicorn.http.errors import ParseException
from gunicorn.http.unreader import Unreader
from gunicorn.workers.gthread import TConn, ThreadWorker

from controller.web.server.arrival import Arrival
from shared.database.unix_socket import peer_uid

#: Time for a whole request, from the connection or the request before it on; the shorter one while the process ends.
ARRIVAL_SECONDS = 30.0
ENDING_SECONDS = 2.0
#: How long, and how many bytes, are read from a refused sender, so that it gets to read the refusal.
LINGER_SECONDS = 5.0
LINGER_BYTES = 16 * 1024 * 1024
#: How long a thread waits for the peer, where it waits at all.
STEP_SECONDS = 30.0
#: No page is larger: a response fits the system's send buffer, and no thread waits until it has been read.
ANSWER_BYTES = 256 * 1024
#: With more unread bytes, the connection's next request waits: the send buffer holds these and one page.
UNREAD_BYTES = 64 * 1024
#: Total of all incomplete requests; above it the largest of them is dropped.
ALL_BYTES = 32 * 1024 * 1024
#: Limit for each of three kinds of connections: with an incomplete request, closing, waiting for another request. Above
#: it the oldest is closed. Together they stay below the limits of the process and of the accepted connections.
ALL_CONNECTIONS = 250
#: Errors of the system when it has no room for another connection.
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
#: Errors of one connection, or of the network below it, that accept(2) reports in its place: the next one may be sound.
_ONE_CONNECTION = (
    errno.EAGAIN, errno.ECONNABORTED, errno.ECONNRESET, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN,
    errno.ENETUNREACH, errno.ENONET, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EPERM, errno.EPROTO, errno.ETIMEDOUT,
)  # fmt: skip
_PAUSE_SECONDS = 0.05
PIECE_BYTES = 64 * 1024
#: The parser copies all it was given for each chunk of a body, so that it gets little at a time.
PARSED_BYTES = 8 * 1024
_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


class _Arrived(Unreader):  # type: ignore[misc]
    """The bytes of a request that have arrived, then its end: the parser may find more missing than was counted here,
    and no thread waits for that."""

    def __init__(self) -> None:
        super().__init__()
        self._left = memoryview(b"")
        #: Whether the parser looked for more than had arrived: what comes next on the connection may be the rest.
        self.lacked = False

    def put(self, data: bytes) -> None:
        """Set what has arrived; what came before has been read, or taken by `take_buffered`."""
        self._left = memoryview(data)

    def chunk(self, size_hint: int | None = None) -> bytes:
        """See Unreader.chunk."""
        size = max(PARSED_BYTES, size_hint or 0)
        piece, self._left = self._left[:size], self._left[size:]
        self.lacked = self.lacked or not piece
        return bytes(piece)

    def take_buffered(self) -> bytes:
        """See Unreader.take_buffered."""
        left, self._left = self._left, memoryview(b"")
        return bytes(super().take_buffered()) + bytes(left)


class Connection(TConn):  # type: ignore[misc]
    """A connection whose next request is read before a thread takes it."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self.arrival: Arrival | None = None
        #: Who connects: a user of this machine by uid, or a network address.
        self.sender: Hashable = ""
        #: Deadline for its request to be complete, or for reading on at its end.
        self.until = 0.0
        self.drained = 0

    def init(self) -> None:
        """See TConn.init; called by the thread before each request."""
        super().init()
        self.sock.settimeout(STEP_SECONDS)
        if not isinstance(self.parser.unreader, _Arrived):
            self.parser.unreader = _Arrived()
        if self.arrival is not None:
            self.parser.unreader.put(bytes(self.arrival.data))
            self.arrival = None


class Worker(ThreadWorker):  # type: ignore[misc]
    """Gunicorn's threaded worker, but no thread waits for a request: a few slow senders would occupy them all."""

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)
        # By default a header of the sender sets the path prefix, and with it the requested path
        self.cfg.set("forwarder_headers", "")
        #: Connections with an incomplete request, the oldest first.
        self._arriving: dict[Connection, None] = {}
        #: How many of them each sender has.
        self._senders: Counter[Hashable] = Counter()
        #: Those of them whose request is complete, while earlier responses are still unread.
        self._unread: dict[Connection, None] = {}
        #: Those that got their last response, the oldest first.
        self._ending: dict[Connection, None] = {}

    def load_wsgi(self) -> None:
        """See Worker.load_wsgi."""
        super().load_wsgi()
        getattr(self.wsgi, "config", {})["LINGERS"] = True

    def accept(self, listener: socket.socket) -> None:
        """See ThreadWorker.accept."""
        if self.cfg.is_ssl:
            super().accept(listener)
            return
        try:
            connected, address = listener.accept()
        except OSError as problem:
            if problem.errno in _NO_ROOM:
                self._make_room()
            elif problem.errno not in _ONE_CONNECTION:
                raise
            return
        self.nr_conns += 1
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ANSWER_BYTES)
        conn = Connection(self.cfg, connected, address, listener.getsockname())
        conn.sender = _sender(connected, address)
        self._await(conn)

    def on_client_socket_readable(self, conn: object, client: socket.socket) -> None:
        """See ThreadWorker.on_client_socket_readable: the next request on a kept-alive connection."""
        if not isinstance(conn, Connection):
            super().on_client_socket_readable(conn, client)
            return
        if conn not in self.keepalived_conns:
            return
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._await(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """See ThreadWorker.finish_request. A pipelined request has to be complete, and nothing waits here until the
        peer has closed a connection."""
        goes_on = not fs.cancelled() and fs.exception() is None and bool(fs.result())
        if not isinstance(conn, Connection):
            super().finish_request(conn, fs)
        elif not goes_on:
            self._end(conn)
        elif conn.parser is not None and (left := conn.parser.unreader.take_buffered()):
            self._await(conn, left)
        else:
            super().finish_request(conn, fs)
            if len(self.keepalived_conns) > ALL_CONNECTIONS:
                self._part_from(self.keepalived_conns[0])

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """See ThreadWorker._keepalive_after. Of a request that was not all there no thread awaits the rest, and nobody
        takes it for the next request."""
        try:
            goes_on = bool(super()._keepalive_after(conn, keepalive))
        except ParseException:
            # The request has its answer: a proxy would take another one for that of the next request
            return False
        # Checked last: only now is it known what the application left unread
        return goes_on and not getattr(conn.parser.unreader, "lacked", False)

    def murder_pending(self) -> None:
        """See ThreadWorker.murder_pending; called once a second at least."""
        super().murder_pending()
        for conn in list(self._unread):
            self._hand_over(conn)
        until = time.monotonic() + (0.0 if self.alive else ARRIVAL_SECONDS - ENDING_SECONDS)
        while self._arriving and (oldest := next(iter(self._arriving))).until <= until:
            self._give_up(oldest)
        while self._ending and (oldest := next(iter(self._ending))).until <= time.monotonic():
            self._close(oldest)

    def _make_room(self) -> None:
        """Close the connection that has waited longest."""
        if self.keepalived_conns:
            self._part_from(self.keepalived_conns[0])
        elif self._ending:
            self._close(next(iter(self._ending)))
        elif self._arriving:
            self._make_way()
        else:
            # All threads are busy: pause, so as not to ask again at once
            time.sleep(_PAUSE_SECONDS)

    def _part_from(self, conn: Any) -> None:
        """Close a connection that waits for another request."""
        self.keepalived_conns.remove(conn)
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def _await(self, conn: Connection, data: bytes = b"") -> None:
        """Wait until the next request is whole, of which `data` has arrived."""
        conn.sock.setblocking(False)
        conn.arrival = Arrival(data)
        conn.until = time.monotonic() + ARRIVAL_SECONDS
        self._arriving[conn] = None
        self._senders[conn.sender] += 1
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._read, conn))
        if conn.arrival.is_whole():
            self._hand_over(conn)
        else:
            self._read(conn, conn.sock)
        if len(self._arriving) > ALL_CONNECTIONS:
            self._make_way()

    def _read(self, conn: Connection, _client: socket.socket) -> None:
        if conn not in self._arriving:
            # Closed since the system reported data
            return
        piece = _received(conn.sock)
        if piece is None:
            return
        arrival = conn.arrival
        if not piece or arrival is None:
            self._give_up(conn)
            return
        arrival.add(piece)
        if arrival.is_whole():
            self._hand_over(conn)
            return
        if arrival.expects:
            arrival.expects = False
            with contextlib.suppress(OSError):
                conn.sock.send(_GO_ON)
        if sum(map(_size, self._arriving)) > ALL_BYTES:
            self._give_up(max(self._arriving, key=_size))

    def _hand_over(self, conn: Connection) -> None:
        if _unread_bytes(conn.sock) > UNREAD_BYTES:
            # A client that keeps sending requests without reading fills the send buffer with responses, and then a
            # thread would wait
            if conn not in self._unread:
                self._unread[conn] = None
                self.poller.unregister(conn.sock)
            return
        self._stop_waiting(conn)
        conn.data_ready = True
        self.enqueue_req(conn)

    def _stop_waiting(self, conn: Connection) -> None:
        del self._arriving[conn]
        self._senders[conn.sender] -= 1
        if not self._senders[conn.sender]:
            del self._senders[conn.sender]
        if conn in self._unread:
            del self._unread[conn]
        else:
            self.poller.unregister(conn.sock)

    def _make_way(self) -> None:
        """Give up the incomplete request that has waited longest, of the sender with most: nobody closes others' by
        opening connections without end."""
        most = max(self._senders.values())
        self._give_up(next(conn for conn in self._arriving if self._senders[conn.sender] == most))

    def _give_up(self, conn: Connection) -> None:
        self._stop_waiting(conn)
        self.nr_conns -= 1
        conn.close()

    def _end(self, conn: Connection) -> None:
        """Send nothing more, and read on until the peer has closed the connection: else it may miss the response."""
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._drain, conn))
        except (OSError, ValueError):
            # Already closed
            self.nr_conns -= 1
            conn.close()
            return
        conn.until = time.monotonic() + LINGER_SECONDS
        self._ending[conn] = None
        if len(self._ending) > ALL_CONNECTIONS:
            self._close(next(iter(self._ending)))

    def _drain(self, conn: Connection, _client: socket.socket) -> None:
        if conn not in self._ending:
            return
        piece = _received(conn.sock)
        if piece is None:
            return
        conn.drained += len(piece)
        if not piece or conn.drained > LINGER_BYTES:
            self._close(conn)

    def _close(self, conn: Connection) -> None:
        del self._ending[conn]
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()


def _sender(connected: socket.socket, address: object) -> Hashable:
    """Return who connects: the uid of a user of this machine, an IPv4 address, or the network of an IPv6 address."""
    try:
        if connected.family == socket.AF_UNIX:
            return peer_uid(connected)
        host = address[0] if isinstance(address, tuple) else ""
        return ":".join(host.split(":")[:4])
    except OSError:
        # It has left already
        return ""


def _received(client: socket.socket) -> bytes | None:
    """Return what has arrived, b"" when the peer or the connection has ended, None when nothing has arrived."""
    try:
        return client.recv(PIECE_BYTES)
    except (BlockingIOError, InterruptedError):
        return None
    except OSError:
        return b""


def _unread_bytes(client: socket.socket) -> int:
    """Return how many bytes of the responses the peer has not taken yet."""
    try:
        return int.from_bytes(fcntl.ioctl(client, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    except OSError:
        # Already closed
        return 0


def _size(conn: Connection) -> int:
    return 0 if conn.arrival is None else len(conn.arrival.data)
