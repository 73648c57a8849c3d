"""Signed requests (billing, status): HMAC over the request, one answer per event, no signature used twice."""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

from flask import Response, current_app, g, request

from controller.db.orders.request_log import Answer, RequestLog
from controller.network.words import shown
from controller.web.support import context, problems
from controller.web.support.context import access
from controller.web.support.parsing import body, json_body
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError

WINDOW_SECONDS = 300
HEADER_KEY = "X-Shoplaunch-Key"
HEADER_TIMESTAMP = "X-Shoplaunch-Timestamp"
HEADER_EVENT = "X-Shoplaunch-Event"
HEADER_SIGNATURE = "X-Shoplaunch-Signature"
_SCHEME = "v1="
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_SIGNATURE = re.compile(r"v1=[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class SignedRequest:
    """A request with a valid signature: its sender, its event and its content."""

    key: str
    event: str
    signature: str
    timestamp: int
    fingerprint: str

    @property
    def name(self) -> str:
        """Return the event's name in the request log; two keys may use the same id."""
        return f"{self.key}:{self.event}"


def signature(secret: bytes, timestamp: str, event: str, method: str, target: str, content: bytes) -> str:
    """Return the value of `X-Shoplaunch-Signature` for a request; `target` is its path, with `?query` if any."""
    text = "\n".join((timestamp, event, method.upper(), target, sha256_hex(content)))
    return _SCHEME + hmac.new(secret, text.encode("utf-8"), hashlib.sha256).hexdigest()


def target() -> str:
    """Return path and query of the current request exactly as they were sent."""
    raw = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI")
    if isinstance(raw, str) and raw.startswith("/"):
        return raw
    query = request.query_string.decode("latin-1")
    return request.path + ("?" + query if query else "")


def verify(now: float | None = None) -> SignedRequest:
    """Return the current request when its signature is right and fresh.

    Raises ShoplaunchError `request_unsigned` otherwise. Whether the signature was used before is not checked here.
    """
    key, event = request.headers.get(HEADER_KEY, ""), request.headers.get(HEADER_EVENT, "")
    stamp, given = request.headers.get(HEADER_TIMESTAMP, ""), request.headers.get(HEADER_SIGNATURE, "")
    if not (_KEY.match(key) and stamp.isascii() and stamp.isdigit() and len(stamp) < 12):
        raise ShoplaunchError("request_unsigned", "key or timestamp is missing")
    if not _UUID.match(event) or not _SIGNATURE.match(given):
        raise ShoplaunchError("request_unsigned", "event id or signature is missing or malformed")
    if abs((context.now() if now is None else now) - int(stamp)) > WINDOW_SECONDS:
        raise ShoplaunchError("request_unsigned", "its time is more than five minutes off; compare the clocks")
    secret = access().signing_secret(key)
    # An unknown key costs the same work as a known one
    expected = signature(secret or b"\0" * 32, stamp, event, request.method, target(), body())
    if not hmac.compare_digest(expected, given) or secret is None:
        raise ShoplaunchError("request_unsigned", "the signature is wrong or the key unknown")
    asked = "\n".join((request.method, target(), sha256_hex(body())))
    return SignedRequest(key, event, given, int(stamp), sha256_hex(asked.encode("utf-8")))


def signed(view: Callable[..., Response]) -> Callable[..., Response]:
    """Let only signed requests reach `view`; a repeated event gets the first answer and never reaches it."""

    @functools.wraps(view)
    def guarded(*args: object, **kwargs: object) -> Response:
        asked = verify()
        g.signed_by = asked.key
        log = access().request_log
        log.use_signature(asked.signature, asked.key)
        if request.method == "GET":
            return view(*args, **kwargs)
        first = log.claim(asked.name, asked.fingerprint)
        if first is not None:
            return Response(first.body, first.status, content_type=first.content_type)
        return _answer_once(log, asked, functools.partial(view, *args, **kwargs))

    return guarded


def signed_by() -> str:
    """Return the name of the key that signed the current request."""
    return str(g.signed_by)


def _audit(asked: SignedRequest) -> tuple[int, list[str]]:
    """Log the planned change under the key's name; return the audit row's number and its details."""
    try:
        document = json_body("order_invalid")
    except ShoplaunchError:
        document = {}
    action = "retry" if request.path.endswith("/retry") else str(document.get("event") or "order")
    number = (request.view_args or {}).get("service_id") or document.get("service_id")
    words = [str(word)[:253] for word in (number, document.get("domain")) if word]
    return access().audit(f"key {asked.key}", shown(action, 40), None, _text(words)), words


def _note_answer(row: int, words: list[str], response: Response) -> None:
    answer = response.get_json(silent=True, force=True) or {}
    before, words = _text(words), [*words, *([str(answer["code"])[:253]] if answer.get("code") else [])]
    access().complete_audit(row, answer.get("id"), _text(words), before)


def _text(words: list[str]) -> str:
    return shown(" ".join(words), 500)


def _answer_once(log: RequestLog, asked: SignedRequest, view: Callable[[], Response]) -> Response:
    done = False
    try:
        # Written before the change, which takes more than one transaction
        row, words = _audit(asked)
        try:
            response = current_app.make_response(view())
        except ShoplaunchError as error:
            response = problems.problem(error)
        _note_answer(row, words, response)
        # A failure of the controller is not stored as the event's answer: the same event may be tried again
        if response.status_code < 500:
            log.keep(
                asked.name, Answer(response.status_code, response.content_type or "", response.get_data(as_text=True))
            )
            done = True
        return response
    finally:
        if not done:
            log.release(asked.name)
