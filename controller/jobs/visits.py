"""Real visits to the shop: at the server's own address, with the shop's name, never led to another host."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from shared.errors import ShoplaunchError
from shared.placeholders import Renderer

TIMEOUT_SECONDS = 60
MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_REDIRECTS = 8
_REDIRECTS = (301, 302, 303, 307, 308)
_SAFE = "/%:?=&+,;@!$'()*~-._"


@dataclass(frozen=True)
class Site:
    """Where requests go (`ip`, `port`) and whose shop they ask for (`host`: the domain, with a port if it has one).

    With `context` they go over TLS and the certificate is verified for the host.
    """

    ip: str
    port: int
    host: str
    base_uri: str = "/"
    context: ssl.SSLContext | None = None

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return "http" if self.context is None else "https"

    def connection(self, timeout: float) -> http.client.HTTPConnection:
        """Return a new connection, not open yet."""
        if self.context is None:
            return http.client.HTTPConnection(self.ip, self.port, timeout=timeout)
        return _Tls(self, self.context, timeout)


class _Tls(http.client.HTTPSConnection):
    """To the site's own address, whatever name servers say; the certificate must be for its host."""

    def __init__(self, site: Site, trusted: ssl.SSLContext, timeout: float) -> None:
        super().__init__(site.ip, site.port, timeout=timeout, context=trusted)
        self._name = site.host.partition(":")[0]
        self._trusted = trusted

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._trusted.wrap_socket(self.sock, server_hostname=self._name)


@dataclass(frozen=True)
class Answer:
    """The last answer of a chain of redirects; `path` is where it ended."""

    status: int
    path: str
    body: bytes
    content_type: str
    redirects: int


def run_checks(
    site: Site, checks: Sequence[Mapping[str, Any]], renderer: Renderer, timeout: float = TIMEOUT_SECONDS
) -> list[dict[str, Any]]:
    """Return one row {"name", "path", "status", "bytes", "seconds", "redirects"} per check of the manifest.

    Raises ShoplaunchError `check_failed` naming the first page that is not as it should be.
    """
    rows = []
    for check in checks:
        wanted = _join(site.base_uri, _rendered(renderer, check["path"]))
        started = time.monotonic()
        answer = visit(site, wanted, str(check["name"]), timeout)
        _compare(check, answer, renderer)
        rows.append(
            {
                "name": check["name"],
                "path": wanted,
                "status": answer.status,
                "bytes": len(answer.body),
                "seconds": round(time.monotonic() - started, 3),
                "redirects": answer.redirects,
            }
        )
    return rows


def visit(site: Site, path: str, name: str, timeout: float = TIMEOUT_SECONDS) -> Answer:
    """Return the answer to GET `path`, redirects on the shop's own host followed, cookies kept on the way.

    Raises ShoplaunchError `check_failed` for a redirect to another host, too many of them, or no answer.
    """
    cookies: dict[str, str] = {}
    for redirects in range(MAX_REDIRECTS + 1):
        status, headers, body = _get(site, path, cookies, name, timeout)
        target = headers.get("Location")
        if status not in _REDIRECTS or not target:
            return Answer(status, path, body, headers.get("Content-Type", ""), redirects)
        path = _followed(site, path, target, name)
    raise ShoplaunchError("check_failed", f"{name}: {path} redirects without end")


def redirect(site: Site, path: str, name: str, timeout: float = TIMEOUT_SECONDS) -> tuple[int, str | None]:
    """Return (status, Location or None) of the answer to GET `path`, nothing followed. Raises check_failed."""
    status, headers, _body = _get(site, path, {}, name, timeout)
    return status, headers.get("Location")


def _get(
    site: Site, path: str, cookies: dict[str, str], name: str, timeout: float
) -> tuple[int, http.client.HTTPMessage, bytes]:
    headers = {"Host": site.host, "User-Agent": "Shoplaunch", "Accept": "*/*", "Connection": "close"}
    if cookies:
        headers["Cookie"] = "; ".join(f"{key}={value}" for key, value in cookies.items())
    connection = site.connection(timeout)
    try:
        connection.connect()
        with _ended_after(connection.sock, timeout):
            connection.request("GET", quote(path, safe=_SAFE), headers=headers)
            answer = connection.getresponse()
            body = answer.read(MAX_BODY_BYTES + 1)
            if answer.length and len(body) <= MAX_BODY_BYTES:
                raise http.client.IncompleteRead(body)
    except (OSError, http.client.HTTPException) as problem:
        reason = getattr(problem, "strerror", None) or type(problem).__name__
        raise ShoplaunchError("check_failed", f"{name}: no answer to {path}: {reason}") from None
    finally:
        connection.close()
    if len(body) > MAX_BODY_BYTES:
        raise ShoplaunchError("check_failed", f"{name}: {path} answers more than {MAX_BODY_BYTES} bytes")
    _keep_cookies(cookies, answer.headers)
    return answer.status, answer.headers, body


@contextmanager
def _ended_after(connection: socket.socket, seconds: float) -> Iterator[None]:
    """End the connection when the whole exchange takes longer: its own timeout counts only from byte to byte.

    Raises TimeoutError then, whatever the cut-off answer looks like.
    """
    over = threading.Event()

    def end() -> None:
        over.set()
        # It may have been closed by the other side a moment ago
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if over.is_set():
        raise TimeoutError


def _keep_cookies(cookies: dict[str, str], headers: http.client.HTTPMessage) -> None:
    for line in headers.get_all("Set-Cookie", []):
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(line)
        except CookieError:
            # A cookie no client would keep either
            continue
        for key, morsel in jar.items():
            cookies[key] = morsel.coded_value


def _followed(site: Site, path: str, target: str, name: str) -> str:
    try:
        url = urlsplit(urljoin(f"{site.scheme}://{site.host}{path}", target))
    except ValueError:
        raise ShoplaunchError("check_failed", f"{name}: {path} leads to what is no address") from None
    if url.netloc.lower() != site.host.lower() or url.scheme != site.scheme:
        # Never the whole address: what follows the host may be a session's key
        raise ShoplaunchError("check_failed", f"{name}: {path} leads to another host: {url.scheme}://{url.netloc}")
    if not f"{url.path}/".startswith(site.base_uri):
        raise ShoplaunchError("check_failed", f"{name}: {path} leads out of the shop's folder {site.base_uri}")
    return (url.path or "/") + (f"?{url.query}" if url.query else "")


def _compare(check: Mapping[str, Any], answer: Answer, renderer: Renderer) -> None:
    where = f"{check['name']}: {answer.path}"
    if answer.status not in check["status"]:
        raise ShoplaunchError("check_failed", f"{where} answered {answer.status}, expected {check['status']}")
    wanted_type = check.get("content_type")
    if wanted_type and not answer.content_type.lower().startswith(wanted_type.lower()):
        raise ShoplaunchError("check_failed", f"{where} is {answer.content_type or 'untyped'}, expected {wanted_type}")
    for number, text in enumerate(check.get("contains", ()), 1):
        if _rendered(renderer, text).encode("utf-8") not in answer.body:
            raise ShoplaunchError("check_failed", f"{where} lacks expected text {number}: {text[:80]}")
    for number, text in enumerate(check.get("absent", ()), 1):
        if _rendered(renderer, text).encode("utf-8") in answer.body:
            raise ShoplaunchError("check_failed", f"{where} holds forbidden text {number}: {text[:80]}")


def _rendered(renderer: Renderer, template: str) -> str:
    return str(renderer.render(template.encode("utf-8")).decode("utf-8"))


def _join(base_uri: str, path: str) -> str:
    return base_uri.rstrip("/") + path
