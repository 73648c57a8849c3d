"""Real visits to the shop: at the server's own address, with the shop's name, never led to another host."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import SplitResult, quote, urlencode, urljoin, urlsplit

from shared.errors import ShoplaunchError

TIMEOUT_SECONDS = 60
MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_REDIRECTS = 8
REDIRECTS = (301, 302, 303, 307, 308)
_SAFE = "/%:?=&+,;@!$'()*~-._"


@dataclass(frozen=True)
class Site:
    """Where requests go (`ip`, `port`) and whose shop they ask for (`host`: the domain, with a port if it has one).

    With `context` they go over TLS and the certificate is verified for the host. A shop that calls itself `plain_host`
    over http is then visited over TLS wherever it leads.
    """

    ip: str
    port: int
    host: str
    base_uri: str = "/"
    context: ssl.SSLContext | None = None
    plain_host: str = ""

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return "http" if self.context is None else "https"

    @property
    def keeps_secrets(self) -> bool:
        """Tell whether nobody on the way can read what is sent: it goes over TLS, or never leaves this machine."""
        return self.context is not None or is_of_this_machine(self.ip)

    def own_path(self, url: SplitResult) -> str | None:
        """Return the path (with its query) of an absolute address on this site's own host, None for another's."""
        own = {(self.scheme, self.host.lower()), ("http", self.plain_host.lower() or None)}
        if (url.scheme, url.netloc.lower()) not in own:
            return None
        return (url.path or "/") + (f"?{url.query}" if url.query else "")

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


class Visitor:
    """One visitor of a site: cookies are kept from one address to the next."""

    def __init__(self, site: Site, timeout: float = TIMEOUT_SECONDS) -> None:
        self.site = site
        self._timeout = timeout
        self._cookies: dict[str, str] = {}

    def open(self, path: str, name: str, form: Mapping[str, str] | None = None, most: int | None = None) -> Answer:
        """Return the answer to GET `path`, or to `form` sent there; redirects on the shop's own host are followed.

        With `most` no more bytes than that are read; without, a body above MAX_BODY_BYTES is refused.
        Raises ShoplaunchError `check_failed` for a redirect to another host, too many of them, or no answer.
        """
        for redirects in range(MAX_REDIRECTS + 1):
            status, headers, body = self.ask(path, name, form, most)
            target, form = headers.get("Location"), None
            if status not in REDIRECTS or not target:
                return Answer(status, path, body, headers.get("Content-Type", ""), redirects)
            path = _followed(self.site, path, target, name)
        raise ShoplaunchError("check_failed", f"{name}: {path} redirects without end")

    def ask(
        self, path: str, name: str, form: Mapping[str, str] | None = None, most: int | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Return (status, headers, body) of one answer, nothing followed. Raises ShoplaunchError `check_failed`."""
        connection = self.site.connection(self._timeout)
        shown = path.partition("?")[0] if form is not None else path
        try:
            connection.connect()
            with _ended_after(connection.sock, self._timeout):
                sent = None if form is None else urlencode(form)
                method = "GET" if form is None else "POST"
                connection.request(method, quote(path, safe=_SAFE), sent, self._headers(path, form))
                answer = connection.getresponse()
                body = answer.read((most or MAX_BODY_BYTES) + 1)
                if answer.length and len(body) <= (most or MAX_BODY_BYTES):
                    raise http.client.IncompleteRead(body)
        except (OSError, http.client.HTTPException) as problem:
            reason = getattr(problem, "strerror", None) or type(problem).__name__
            raise ShoplaunchError("check_failed", f"{name}: no answer to {shown}: {reason}") from None
        finally:
            connection.close()
        if most is None and len(body) > MAX_BODY_BYTES:
            raise ShoplaunchError("check_failed", f"{name}: {shown} answers more than {MAX_BODY_BYTES} bytes")
        _keep_cookies(self._cookies, answer.headers)
        return answer.status, answer.headers, body

    def _headers(self, path: str, form: Mapping[str, str] | None) -> dict[str, str]:
        headers = {"Host": self.site.host, "User-Agent": "Shoplaunch", "Accept": "*/*", "Connection": "close"}
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{key}={value}" for key, value in self._cookies.items())
        if form is not None:
            origin = f"{self.site.scheme}://{self.site.host}"
            headers |= {"Origin": origin, "Referer": origin + quote(path, safe=_SAFE)}
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        return headers


def is_of_this_machine(ip: str) -> bool:
    """Tell whether an address is one of this machine's own."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((ip, 0))
    except OSError:
        return False
    return True


def visit(site: Site, path: str, name: str, timeout: float = TIMEOUT_SECONDS) -> Answer:
    """Return the answer a new visitor gets to GET `path`. Raises as `Visitor.open`."""
    return Visitor(site, timeout).open(path, name)


def redirect(site: Site, path: str, name: str, timeout: float = TIMEOUT_SECONDS) -> tuple[int, str | None]:
    """Return (status, Location or None) of the answer to GET `path`, nothing followed. Raises check_failed."""
    status, headers, _body = Visitor(site, timeout).ask(path, name)
    return status, headers.get("Location")


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
            if morsel["max-age"] == "0":
                cookies.pop(key, None)
            else:
                cookies[key] = morsel.coded_value


def _followed(site: Site, path: str, target: str, name: str) -> str:
    try:
        url = urlsplit(urljoin(f"{site.scheme}://{site.host}{path}", target))
    except ValueError:
        raise ShoplaunchError("check_failed", f"{name}: {path} leads to what is no address") from None
    followed = site.own_path(url)
    if followed is None:
        # Never the whole address: what follows the host may be a session's key
        raise ShoplaunchError("check_failed", f"{name}: {path} leads to another host: {url.scheme}://{url.netloc}")
    if not f"{url.path}/".startswith(site.base_uri):
        raise ShoplaunchError("check_failed", f"{name}: {path} leads out of the shop's folder {site.base_uri}")
    return followed
