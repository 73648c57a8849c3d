"""HTTP calls to one origin, with one deadline and a byte limit; no decompression, no redirects."""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from controller.network import local_peers
from controller.network.exchange import BoundedSocket, Exchange, Stream, TooLarge
from controller.network.failures import BROKEN, failure

#: No answer has more headers.
HEADER_BYTES = 64 * 1024
#: Bytes on the wire for each byte of a body: chunked encoding adds a line to each chunk.
WIRE_FACTOR = 4


class Body(Protocol):
    """A body that is produced while it is sent."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...


@dataclass(frozen=True)
class Origin:
    """Target of calls; with `context` over TLS, the certificate verified for `tls_name` (default: the host).

    Names in other scripts are converted to their ASCII form for name servers, certificates and servers. `proven` is
    called with each new connection before anything is sent, and raises OSError where that must not be.
    """

    host: str
    port: int
    context: ssl.SSLContext | None = None
    tls_name: str = ""
    proven: Callable[[socket.socket], None] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "host", _ascii(self.host))
        object.__setattr__(self, "tls_name", _ascii(self.tls_name))

    @classmethod
    def of(cls, url: str, context: ssl.SSLContext) -> Origin:
        """Return the origin of an http or https address; `context` is for the latter.

        By http nothing is sent to an account of this machine, which may have taken the port.
        """
        parts = urlsplit(url)
        is_secure = parts.scheme == "https"
        port = parts.port or (443 if is_secure else 80)
        if is_secure:
            return cls(parts.hostname or "", port, context)
        return cls(parts.hostname or "", port, proven=local_peers.require_no_account_here)


@dataclass(frozen=True)
class HttpRequest:
    """One request; `target` is the path with its query."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | Body | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Limits:
    """The total time of a call, and the largest body of its answer.

    Of a larger one only the beginning is read if `is_cut`; otherwise it is refused.
    """

    seconds: float
    body_bytes: int
    is_cut: bool = False


@dataclass(frozen=True)
class HttpAnswer:
    """The answer, whatever its status."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class HttpClient:
    """Calls to `origin`; up to `kept` connections stay open for the next ones. Thread-safe."""

    def __init__(self, origin: Origin, kept: int = 0) -> None:
        self._origin = origin
        self._kept = kept
        self._guard = threading.Lock()
        self._idle: list[socket.socket] = []

    def ask(self, request: HttpRequest, limits: Limits) -> HttpAnswer:
        """Return the answer to `request`. Raises NetworkError."""
        exchange = Exchange(limits.seconds)
        try:
            line = self._taken() or self._opened(exchange)
        except BROKEN as problem:
            raise failure(problem, was_connected=False) from None
        may_stay = False
        try:
            answer, may_stay = self._asked(line, exchange, request, limits)
        except BROKEN as problem:
            raise failure(problem, was_connected=True) from None
        finally:
            self._release(line, may_stay)
        return answer

    def _opened(self, exchange: Exchange) -> socket.socket:
        origin = self._origin
        plain = exchange.connect(origin.host, origin.port)
        if origin.proven is not None:
            try:
                origin.proven(plain)
            except BaseException:
                plain.close()
                raise
        if origin.context is None:
            return plain
        return exchange.encrypt(plain, origin.context, origin.tls_name or origin.host)

    def _asked(
        self, line: socket.socket, exchange: Exchange, request: HttpRequest, limits: Limits
    ) -> tuple[HttpAnswer, bool]:
        """Return the answer, and whether the connection may serve another call."""
        connection = http.client.HTTPConnection(self._origin.host, self._origin.port)
        found = _HttpSocket(line, exchange)
        # The library uses this socket instead of opening one
        connection.sock = found
        exchange.allow(HEADER_BYTES)
        is_whole = True
        try:
            connection.request(request.method, request.target, request.body, self._headers(request))
        except (BrokenPipeError, ConnectionResetError):
            # A server that refuses the request need not read all of it: the answer may be there already
            is_whole = False
        response = connection.getresponse()
        try:
            body = _read(response, exchange, limits)
            is_over = response.isclosed()
        finally:
            response.close()
        may_stay = is_whole and is_over and not response.will_close and not found.has_more
        return HttpAnswer(response.status, response.headers, body), may_stay

    def _headers(self, request: HttpRequest) -> dict[str, str]:
        origin = self._origin
        headers = {"User-Agent": "Shoplaunch", "Accept-Encoding": "identity", **request.headers}
        if not self._kept:
            headers["Connection"] = "close"
        if origin.context is not None and origin.port == 443:
            # The library leaves out only port 80
            headers.setdefault("Host", f"[{origin.host}]" if ":" in origin.host else origin.host)
        if request.body is not None:
            headers["Content-Length"] = str(len(request.body))
        return headers

    def _taken(self) -> socket.socket | None:
        """Return a kept connection that is still open and silent, None when there is none."""
        while True:
            with self._guard:
                found = self._idle.pop() if self._idle else None
            if found is None or _is_silent(found):
                return found
            found.close()

    def _release(self, line: socket.socket, may_stay: bool) -> None:
        with self._guard:
            if may_stay and len(self._idle) < self._kept:
                self._idle.append(line)
                return
        with suppress(OSError):
            line.close()


class _HttpSocket(BoundedSocket):
    """Stays open when the library closes it, which it does before it reads the last body."""

    stream: Stream | None = None

    def makefile(self, *mode: object, **more: object) -> Stream:
        self.stream = super().makefile(*mode, **more)
        return self.stream

    @property
    def has_more(self) -> bool:
        """Return whether more came in than the answer."""
        return self.stream is not None and self.stream.has_more

    def close(self) -> None:
        """Do nothing: the connection's owner closes it."""


def _read(response: http.client.HTTPResponse, exchange: Exchange, limits: Limits) -> bytes:
    """Return the body. Raises OSError, http.client.HTTPException."""
    announced = response.length
    if announced is not None and announced > limits.body_bytes and not limits.is_cut:
        raise TooLarge(f"the answer has {announced} bytes, more than {limits.body_bytes}"[:120])
    exchange.allow(WIRE_FACTOR * limits.body_bytes + HEADER_BYTES)
    body = response.read(limits.body_bytes + (0 if limits.is_cut else 1))
    if len(body) > limits.body_bytes:
        raise TooLarge(f"the answer has more than {limits.body_bytes} bytes")
    if response.length and len(body) < limits.body_bytes:
        raise http.client.IncompleteRead(b"")
    return body


def _ascii(host: str) -> str:
    """Return a host's ASCII name; an invalid name is returned as it is, and no name server knows it."""
    if host.isascii():
        return host
    # Few hosts need it, and its tables are large
    import idna

    try:
        return str(idna.encode(host, uts46=True), "ascii")
    except idna.IDNAError:
        return host


def _is_silent(line: socket.socket) -> bool:
    """Return whether nothing came in, not even the connection's end."""
    # Data that was decrypted together with an answer is in the library, no longer in the system
    if line.fileno() < 0 or (isinstance(line, ssl.SSLSocket) and line.pending()):
        return False
    waiting = select.poll()
    waiting.register(line, select.POLLIN)
    return not waiting.poll(0)
