"""The HTTP client: always verifies certificates, uses plain HTTP only to this machine, follows no redirects, leaks no
secrets."""

import email.utils
import http.client
import ipaddress
import os
import socket
import ssl
import time
from urllib.parse import urlsplit

from agent.base.compat import CA_FILES
from agent.base.deadline_socket import BoundedSocket, Exchange
from agent.reporting.wire_limits import HEADER_BYTES, WIRE_FACTOR
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Any, Mapping
    from urllib.parse import SplitResult

    from agent.reporting.downloads import Download
    from shared.documents import Callback

#: Statuses after which the same request may succeed later.
RETRY_STATUSES = (404, 408, 425, 429, 500, 502, 503, 504)
TIMEOUT_SECONDS = 15.0
#: Limit for one request, from the first packet to the last byte of its answer; shorter than the heartbeat interval.
DEADLINE_SECONDS = 25.0
FIRST_DELAY_SECONDS = 1.0
MAX_DELAY_SECONDS = 60.0
MAX_BODY_BYTES = 64 * 1024
USER_AGENT = "shoplaunch-agent"
#: Exceptions that mean a broken connection.
BROKEN = (OSError, http.client.HTTPException, UnicodeError)


class Answer:
    """A server's answer: `status` (int), `headers` (mapping, any case), `body` (bytes, at most 64 KiB)."""

    def __init__(self, status: int, headers: "http.client.HTTPMessage", body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def retry_after(self) -> "float | None":
        """Return the seconds the server asks to wait (float, at most MAX_DELAY_SECONDS), None when it does not."""
        text = self.headers.get("Retry-After", "").strip()
        if text.isdecimal():
            return min(float(text), MAX_DELAY_SECONDS)
        at = _parse_date(text)
        if at is None:
            return None
        return max(0.0, min(at - time.time(), MAX_DELAY_SECONDS))

    def date(self) -> "float | None":
        """Return the server's clock in unix seconds, None when it sent none."""
        return _parse_date(self.headers.get("Date", ""))


def _parse_date(text: str) -> "float | None":
    try:
        parts = email.utils.parsedate_tz(text) if text else None
        return None if parts is None else float(email.utils.mktime_tz(parts))
    except (ValueError, OverflowError):
        # A date that no calendar has
        return None


def check_address(url: str) -> str:
    """Return `url` when it may be requested: https, or http to this very machine, and without a login inside.

    Where other users have accounts on this machine, the job names the controller's socket in addition.

    Raises ShoplaunchError `job_invalid`.
    """
    try:
        parts = urlsplit(url)
        # The library quotes the whole of an address with blanks in its error
        is_plain = not any(character <= " " or character == "\x7f" for character in url)
        usable = is_plain and parts.port != 0 and parts.username is None and parts.password is None and parts.hostname
    except ValueError:
        usable = False
    if not usable:
        raise ShoplaunchError("job_invalid", "an address of the job is not usable")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        raise ShoplaunchError("job_invalid", "{} is not encrypted".format(safe_address(url)))
    return url


def origin(url: str) -> "tuple[str, str | None, int]":
    """Return (scheme, host, port) of `url`: secrets of that origin may be sent only there."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def safe_address(url: str) -> str:
    """Return `url` as it may be logged: without login, query and fragment."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = ":{}".format(parts.port) if parts.port else ""
    return "{}://{}{}{}".format(parts.scheme, host, port, parts.path)


def tls_context(ca: "str | None" = None) -> "ssl.SSLContext":
    """Return an SSLContext that verifies host and chain; `ca` is PEM text of further certificates to trust.

    Raises ShoplaunchError `job_invalid` when `ca` holds no certificate.
    """
    context = ssl.create_default_context()
    trust_distribution(context)
    if ca:
        _trust(context, ca)
    return context


def trust_distribution(context: "ssl.SSLContext") -> None:
    """Make `context` (SSLContext) trust the system's CAs."""
    for path in CA_FILES:
        if os.path.isfile(path) and os.access(path, os.R_OK):
            context.load_verify_locations(cafile=path)
            return


def _trust(context: "ssl.SSLContext", ca: str) -> None:
    try:
        context.load_verify_locations(cadata=ca)
    except (ssl.SSLError, ValueError):
        raise ShoplaunchError("job_invalid", "the job's CA file holds no usable certificate") from None


class Backoff:
    """Delays between tries: they double, with jitter; a server's Retry-After takes precedence."""

    def __init__(self, first: float = FIRST_DELAY_SECONDS, longest: float = MAX_DELAY_SECONDS) -> None:
        self._first = first
        self._longest = longest
        self._delay = first

    def reset(self) -> None:
        """Reset the delay after a success."""
        self._delay = self._first

    def next_delay(self, retry_after: "float | None" = None) -> float:
        """Return seconds to wait (float); `retry_after` is what the server asked for, or None."""
        delay = self._delay * (0.8 + 0.4 * os.urandom(1)[0] / 255)
        self._delay = min(self._delay * 2, self._longest)
        return delay if retry_after is None else retry_after


def _whole(response: "http.client.HTTPResponse") -> bytes:
    """Return the body of `response`, up to MAX_BODY_BYTES. Raises http.client.IncompleteRead."""
    body = response.read(MAX_BODY_BYTES)
    # http.client accepts a body shorter than announced
    if response.length and len(body) < MAX_BODY_BYTES:
        raise http.client.IncompleteRead(body, response.length)
    return body


class HttpClient:
    """Sends requests to the controller and to bundle servers; `ca` is PEM text of further certificates to trust.

    `callback` (of the job) may name the controller's socket: then requests to the controller use only that. Raises
    ShoplaunchError `job_invalid` when `ca` holds no certificate.
    """

    def __init__(self, ca: "str | None" = None, callback: "Callback | None" = None) -> None:
        self._ca = ca
        self._made: "ssl.SSLContext | None" = None
        self._local = callback if callback and "socket" in callback else None
        if ca:
            _trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ca)

    def _is_local(self, parts: "SplitResult") -> bool:
        """Return whether the address `parts` is a controller with a socket on this machine."""
        return self._local is not None and origin(parts.geturl()) == origin(self._local["url"])

    def _context_for(self, parts: "SplitResult") -> "ssl.SSLContext | None":
        """Return the SSLContext for the address `parts`, None for plain HTTP. Raises OSError."""
        if parts.scheme != "https" or self._is_local(parts):
            # Reading the system's certificates takes as long as starting Python
            return None
        if self._made is None:
            self._made = tls_context(self._ca)
        return self._made

    def post(
        self,
        url: str,
        body: bytes,
        headers: "Mapping[str, str]",
        timeout: float = TIMEOUT_SECONDS,
        deadline: float = DEADLINE_SECONDS,
    ) -> "Answer":
        """POST JSON `body` (bytes) once; return the Answer, whatever its status.

        Raises ShoplaunchError `callback_failed` when the answer is not complete within `deadline` seconds,
        `controller_foreign`, `tls_untrusted`, `job_invalid`.
        """
        parts = urlsplit(check_address(url))
        headers = dict(headers, **{"Content-Type": "application/json"})
        opened: "list[socket.socket]" = []
        try:
            # Prepared before the deadline starts
            context = self._context_for(parts)
            exchange = Exchange(timeout, deadline)
            connection = self._connection(parts, context, exchange, opened)
            response = _ask(connection, exchange, "POST", parts, headers, body)
            exchange.allow(WIRE_FACTOR * MAX_BODY_BYTES)
            return Answer(response.status, response.headers, _whole(response))
        except (ssl.CertificateError, *BROKEN) as error:
            raise _unreachable("callback_failed", url, error) from None
        finally:
            for found in opened:
                found.close()

    def _connection(
        self,
        parts: "SplitResult",
        context: "ssl.SSLContext | None",
        exchange: "Exchange",
        opened: "list[socket.socket]",
    ) -> "http.client.HTTPConnection":
        """Return a connected HTTPConnection to the address `parts`; its socket is in `opened`."""
        host, port = parts.hostname or "", parts.port or (443 if context else 80)
        if self._local is not None and self._is_local(parts):
            opened.append(exchange.connect_locally(self._local["socket"], self._local.get("uid")))
        else:
            opened.append(exchange.connect(host, port))
        if context:
            opened.append(exchange.encrypt(opened[0], context, host))
            connection: "http.client.HTTPConnection" = http.client.HTTPSConnection(host, port, context=context)
        else:
            connection = http.client.HTTPConnection(host, port)
        bounded: "Any" = BoundedSocket(opened[-1], exchange)
        connection.sock = bounded
        return connection

    def get_from(
        self,
        url: str,
        offset: int,
        headers: "Mapping[str, str] | None" = None,
        most: "int | None" = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> "Download":
        """Return the open Download of `url` from byte `offset`, of which `most` bytes are wanted.

        `headers` (mapping) are sent to this address only. Raises ShoplaunchError `bundle_missing` without an answer,
        `controller_foreign`, `tls_untrusted`, `job_invalid`.
        """
        # Few accounts fetch their bundle
        from agent.reporting import downloads

        parts = urlsplit(check_address(url))
        opened: "list[socket.socket]" = []
        try:
            context = self._context_for(parts)
            exchange = downloads.exchange(timeout)
            connection = self._connection(parts, context, exchange, opened)
            response = _ask(connection, exchange, "GET", parts, downloads.headers(offset, headers))
            return downloads.Download(response, exchange, opened, most)
        except (ssl.CertificateError, *BROKEN) as error:
            for found in opened:
                found.close()
            raise _unreachable("bundle_missing", url, error) from None


def _ask(
    connection: "http.client.HTTPConnection",
    exchange: "Exchange",
    method: str,
    parts: "SplitResult",
    headers: "Mapping[str, str]",
    body: "bytes | None" = None,
) -> "http.client.HTTPResponse":
    """Return the http.client response to one request over `connection` within `exchange`, its body unread."""
    exchange.allow(HEADER_BYTES)
    target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    connection.request(method, target, body, dict(headers, **{"User-Agent": USER_AGENT, "Connection": "close"}))
    return connection.getresponse()


def _unreachable(code: str, url: str, error: BaseException) -> "ShoplaunchError":
    untrusted = isinstance(error, ssl.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error)
    if untrusted or isinstance(error, ssl.CertificateError):
        code = "tls_untrusted"
    return ShoplaunchError(code, _reason(url, error))


def _reason(url: str, error: BaseException) -> str:
    kind = "time-out" if isinstance(error, socket.timeout) else (str(error) or type(error).__name__)
    return "{}: {}".format(safe_address(url), kind[:200])
