"""HTTP visits to the shop: sent to the server's own address under the shop's name, never redirected to another host."""

from __future__ import annotations

import http.client
import math
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http.cookies import CookieError, SimpleCookie
from urllib.parse import SplitResult, quote, urlencode, urljoin, urlsplit

from controller.network import local_peers
from controller.network.failures import LARGE, NetworkError
from controller.network.http_client import HttpAnswer, HttpClient, HttpRequest, Limits, Origin
from controller.network.local_peers import is_of_this_machine
from controller.network.unpacking import unpacked
from controller.network.words import shown
from controller.shop_address import ShopAddress
from shared.errors import ShoplaunchError

#: For one answer, from the first packet to its last byte; a chain of redirects may take twice as long.
TIMEOUT_SECONDS = 60
MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_REDIRECTS = 8
REDIRECTS = (301, 302, 303, 307, 308)
#: About as many cookies of a site as browsers keep.
MAX_COOKIES, MAX_COOKIE_BYTES = 50, 4096
#: Characters of an address or a type shown in a message.
_SHOWN = 200
_SAFE = "/%:?=&+,;@!$'()*~-._"


@dataclass(frozen=True)
class Site:
    """Where requests go (`ip`, `port`) and the `address` of the shop they ask for.

    With `context` requests use TLS, and the certificate is verified for the host. Links to `plain`, the address of a
    shop that still calls itself by http, are then visited over TLS as well.
    """

    ip: str
    port: int
    address: ShopAddress
    context: ssl.SSLContext | None = None
    plain: ShopAddress | None = None

    @classmethod
    def of(cls, ip: str, address: ShopAddress, context: ssl.SSLContext | None = None) -> Site:
        """Return the site of the shop at `address`, whose web server is at `ip`."""
        return cls(ip, address.port, address, context)

    @property
    def base_uri(self) -> str:
        """The path of the shop's folder with a slash at its end."""
        return self.address.base_uri

    def url(self, path: str = "") -> str:
        """Return the address of `path`, which begins at the root of the host and not of the shop's folder."""
        return self.address.origin + path

    @property
    def keeps_secrets(self) -> bool:
        """Return whether nobody can read what is sent: it goes over TLS, or to this machine's own web server."""
        return self.context is not None or is_of_this_machine(self.ip)

    def own_path(self, url: SplitResult) -> str | None:
        """Return the path (with its query) of an absolute address on this site's own host, None for another host."""
        if not any(one.is_origin_of(url) for one in (self.address, self.plain) if one is not None):
            return None
        return (url.path or "/") + (f"?{url.query}" if url.query else "")

    def holds(self, path: str) -> bool:
        """Return whether a path (with or without its query) is in the shop's folder."""
        return f"{path.partition('?')[0]}/".startswith(self.base_uri)

    def origin(self) -> Origin:
        """Return the site's own address, independent of name servers; its certificate must be for its host.

        Without TLS nobody but the web server may answer at an address of this machine.
        """
        proven = local_peers.require_no_account if self.context is None and is_of_this_machine(self.ip) else None
        return Origin(self.ip, self.port, self.context, self.address.host, proven)


@dataclass(frozen=True)
class Answer:
    """The last answer of a chain of redirects; `path` is where it ended."""

    status: int
    path: str
    body: bytes
    content_type: str
    redirects: int


class Visitor:
    """One visitor of a site: keeps cookies between addresses, and asks for nothing after `end` (monotonic)."""

    def __init__(self, site: Site, timeout: float = TIMEOUT_SECONDS, end: float = math.inf) -> None:
        self.site = site
        self.end = end
        self._timeout = timeout
        self._cookies: dict[str, str] = {}

    def open(self, path: str, name: str, form: Mapping[str, str] | None = None, most: int | None = None) -> Answer:
        """Return the answer to GET `path`, or to `form` posted there; redirects on the shop's own host are followed.

        With `most` no more bytes than that are read; without, a body above MAX_BODY_BYTES is refused.
        Raises ShoplaunchError `check_failed` for a redirect to another host, too many of them, or no answer,
        `page_encoded` for one that cannot be decoded.
        """
        end = min(self.end, time.monotonic() + 2 * self._timeout)
        for redirects in range(MAX_REDIRECTS + 1):
            answer = self.ask(path, name, form, most, end)
            target, form = answer.headers.get("Location"), None
            if answer.status not in REDIRECTS or not target:
                kind = _shown(answer.headers.get("Content-Type", ""))
                return Answer(answer.status, path, answer.body, kind, redirects)
            path = _followed(self.site, path, target, name)
        raise ShoplaunchError("check_failed", f"{name}: {_shown(path)} redirects without end")

    def ask(
        self,
        path: str,
        name: str,
        form: Mapping[str, str] | None = None,
        most: int | None = None,
        end: float | None = None,
    ) -> HttpAnswer:
        """Return one answer without following redirects; `end` (monotonic) is the deadline. Raises ShoplaunchError
        `check_failed`, `page_encoded`."""
        where = _shown(path.partition("?")[0] if form is not None else path)
        sent = None if form is None else urlencode(form).encode("ascii")
        now = time.monotonic()
        if now >= self.end:
            raise ShoplaunchError("check_failed", f"{name}: {where} was not asked for: the visits take too long in all")
        left = max(0.0, min(self._timeout, (self.end if end is None else end) - now))
        limits = Limits(left, most or MAX_BODY_BYTES, is_cut=most is not None)
        request = HttpRequest(
            "GET" if form is None else "POST", quote(path, safe=_SAFE), self._headers(path, form), sent
        )
        try:
            answer = HttpClient(self.site.origin()).ask(request, limits)
        except NetworkError as problem:
            if problem.kind == LARGE:
                message = f"{name}: {where} answers more than {limits.body_bytes} bytes: {problem.reason}"
                raise ShoplaunchError("check_failed", message) from None
            raise ShoplaunchError("check_failed", f"{name}: no answer to {where}: {problem.reason}") from None
        _keep_cookies(self._cookies, answer.headers)
        return replace(answer, body=self._unpacked(answer, limits, f"{name}: {where}"))

    @staticmethod
    def _unpacked(answer: HttpAnswer, limits: Limits, where: str) -> bytes:
        """Return the body as a browser would see it. Raises ShoplaunchError `page_encoded`."""
        encoding = ", ".join(answer.headers.get_all("Content-Encoding", []))
        try:
            return unpacked(answer.body, encoding, limits.body_bytes, is_cut=limits.is_cut)
        except ShoplaunchError as problem:
            raise ShoplaunchError(problem.code, f"{where}: {_shown(problem.message)}") from None

    def _headers(self, path: str, form: Mapping[str, str] | None) -> dict[str, str]:
        headers = {"Host": self.site.address.host_and_port, "User-Agent": "Shoplaunch", "Accept": "*/*"}
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{key}={value}" for key, value in self._cookies.items())
        if form is not None:
            origin = self.site.url()
            headers |= {"Origin": origin, "Referer": origin + quote(path, safe=_SAFE)}
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        return headers


def visit(site: Site, path: str, name: str, timeout: float = TIMEOUT_SECONDS) -> Answer:
    """Return the answer a new visitor gets to GET `path`. Raises as `Visitor.open`."""
    return Visitor(site, timeout).open(path, name)


def redirect(site: Site, path: str, name: str, timeout: float = TIMEOUT_SECONDS) -> tuple[int, str | None]:
    """Return (status, Location or None) of the answer to GET `path`; the redirect is not followed. Raises
    check_failed."""
    answer = Visitor(site, timeout).ask(path, name)
    return answer.status, answer.headers.get("Location")


def _keep_cookies(cookies: dict[str, str], headers: http.client.HTTPMessage) -> None:
    for line in headers.get_all("Set-Cookie", []):
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(line)
        except CookieError:
            # A cookie that no browser would keep either
            continue
        for key, morsel in jar.items():
            if morsel["max-age"] == "0":
                cookies.pop(key, None)
            elif len(key) + len(morsel.coded_value) <= MAX_COOKIE_BYTES and (
                key in cookies or len(cookies) < MAX_COOKIES
            ):
                cookies[key] = morsel.coded_value


def _shown(text: str) -> str:
    """Return an address or a type, which a shop may have written, as a message shows it."""
    return shown(text, _SHOWN)


def _followed(site: Site, path: str, target: str, name: str) -> str:
    where = f"{name}: {_shown(path)}"
    try:
        url = urlsplit(urljoin(site.url(path), target))
    except ValueError:
        raise ShoplaunchError("check_failed", f"{where} leads to what is no address") from None
    followed = site.own_path(url)
    if followed is None:
        # Never the whole address: what follows the host may be a session key
        other = _shown(f"{url.scheme}://{url.netloc}")
        raise ShoplaunchError("check_failed", f"{where} leads to another host: {other}")
    if not site.holds(url.path):
        raise ShoplaunchError("check_failed", f"{where} leads out of the shop's folder {site.base_uri}")
    return followed
