"""Request an account's starter through its site: at the server's own address, like visits, for a few seconds."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from controller.network.failures import NetworkError
from controller.network.http_client import HttpAnswer, HttpClient, HttpRequest, Limits, Origin
from controller.network.unpacking import unpacked
from controller.panels.cpanel.start.starter import ANSWER_BYTES, Starter
from shared.errors import ShoplaunchError

#: Between two requests to a site that does not serve the starter yet.
PAUSE_SECONDS = 0.4
#: No request is repeated in less time: cut off, it would leave open whether the starter ran.
LEAST_SECONDS = 0.4
REDIRECTS = (301, 302, 303, 307, 308)
#: Status codes of a site that does not exist yet, or that its server does not know yet.
_NOT_YET = (404, 421, 429)


@dataclass(frozen=True)
class Place:
    """Address of a site; over `secure`, where there is a certificate, once the site itself redirects there."""

    host: str
    plain: Origin
    secure: Callable[[], Origin]
    secure_port: int
    plain_name: str
    secure_name: str


@dataclass(frozen=True)
class Outcome:
    """`started`, or the `reason`; `gone`: every answer said that there is no such file; `unsure`: one may have run."""

    started: bool = False
    reason: str = "no_answer"
    gone: bool = False
    unsure: bool = False


def ask(place: Place, starter: Starter, until: float) -> Outcome:
    """Request the starter until the answer is conclusive, at most until the time `until` (monotonic)."""
    origin, name, found, least = place.plain, place.plain_name, Outcome(), 0.0
    while (left := until - time.monotonic()) > least:
        try:
            answer = _asked(origin, name, starter, left)
        except NetworkError as problem:
            # A broken connection may have carried the request; what the site answered before explains more
            found = replace(found, gone=False, unsure=found.unsure or problem.was_connected)
        else:
            if origin is place.plain and _leads_to(answer, place, starter):
                origin, name = place.secure(), place.secure_name
                continue
            found, is_certain = _judged(answer, starter, found)
            if is_certain:
                return found
        least = LEAST_SECONDS
        time.sleep(max(0.0, min(PAUSE_SECONDS, until - time.monotonic())))
    return found


def refuses_all(place: Place, until: float) -> bool:
    """Return whether the site also refuses a plain page that does not exist, or gives no answer before `until`."""
    page = HttpRequest("GET", f"/{secrets.token_hex(16)}.txt", {"Host": place.plain_name})
    try:
        answer = HttpClient(place.plain).ask(page, Limits(until - time.monotonic(), ANSWER_BYTES, is_cut=True))
    except NetworkError:
        return True
    return 400 <= answer.status < 500 and answer.status not in _NOT_YET


def _asked(origin: Origin, name: str, starter: Starter, seconds: float) -> HttpAnswer:
    request = HttpRequest("POST", f"/{starter.name}", {"Host": name, "Accept": "application/json"}, b"")
    return HttpClient(origin).ask(request, Limits(seconds, ANSWER_BYTES, is_cut=True))


def _leads_to(answer: HttpAnswer, place: Place, starter: Starter) -> bool:
    """Return whether the site redirects to itself over TLS, and to the same file."""
    if answer.status not in REDIRECTS:
        return False
    try:
        url = urlsplit(answer.headers.get("Location") or "")
        port = url.port or 443
    except ValueError:
        return False
    same = url.scheme == "https" and (url.hostname or "") == place.host and port == place.secure_port
    return same and url.path == f"/{starter.name}"


def _judged(answer: HttpAnswer, starter: Starter, before: Outcome) -> tuple[Outcome, bool]:
    """Return the outcome of an answer, and whether another request cannot change it."""
    outcome = starter.outcome(_body(answer))
    if outcome is not None:
        started, reason = outcome
        return Outcome(started, reason, unsure=before.unsure), True
    if answer.status in REDIRECTS:
        return replace(before, reason="redirected", gone=False), False
    if answer.status in _NOT_YET:
        return replace(before, reason="no_answer", gone=answer.status == 404), False
    if 400 <= answer.status < 500:
        # Firewalls count refused requests, and block clients that repeat them
        return replace(before, reason="refused_by_site", gone=False), True
    if answer.status >= 500:
        # Its PHP may have got as far as the start
        return replace(before, reason="no_answer", gone=False, unsure=True), False
    return replace(before, reason="wrong_answer", gone=False), False


def _body(answer: HttpAnswer) -> bytes:
    encoding = ", ".join(answer.headers.get_all("Content-Encoding", []))
    try:
        return unpacked(answer.body, encoding, ANSWER_BYTES, is_cut=True)
    except ShoplaunchError:
        # A starter's answer never has this encoding
        return b""
