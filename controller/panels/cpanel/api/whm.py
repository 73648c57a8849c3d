"""The client of a WHM server: token, POST only, verified certificates, every answer parsed into its outcome."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlencode

from controller.network import json_body
from controller.network.failures import LARGE, SLOW, UNTRUSTED, NetworkError
from controller.network.http_client import Body, HttpAnswer, HttpClient, HttpRequest, Limits, Origin
from controller.network.trust import trusted
from controller.panels.calls_under_way import CALLS
from controller.panels.cpanel.api import answers
from controller.panels.cpanel.api.answers import Answer
from controller.panels.cpanel.api.call_limits import CircuitBreaker, limiter_of
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
#: For a whole call: from the first packet to the last byte of its answer.
ANSWER_SECONDS = 120
#: An answer to such a call that took longer counts as a failure of the server, though it is used.
SLOW_SECONDS = 60
#: For the call that shows whether only an account hangs.
QUICK_SECONDS = 5
_QUICK = "json-api/myprivs"
#: For creating or removing an account.
LONG_SECONDS = 600
#: Functions that take as long as the files of an account are many.
LASTING = ("removeacct",)
#: Tries of a query without an answer: it changes nothing.
READ_TRIES = 3
READ_PAUSE_SECONDS = 1.0
#: Arguments whose values are never shown, even where the panel repeats them.
SECRET_ARGUMENTS = ("password", "pass", "content")
#: Largest answer of a function that reports a change, or lists the content of one account.
ANSWER_BYTES = 4 * 1024 * 1024
#: Function -> largest answer, where it lists all accounts or plans of a server.
LISTING_BYTES: Mapping[str, int] = {"listaccts": 16 * 1024 * 1024, "listpkgs": 16 * 1024 * 1024}
#: Largest answer to a batch of queries.
BATCH_BYTES = 16 * 1024 * 1024
_REFUSED = (401, 403)
_FORM = "application/x-www-form-urlencoded"
_BROKEN = 500
#: Errors for a missing or unusable answer: whether a change was made is unknown.
SILENT = ("panel_unreachable", "panel_answer_too_large")


@dataclass(frozen=True)
class Login:
    """Address and user of a server's WHM; `url` is https://host:port without a path."""

    server: str
    url: str
    user: str
    token: str = field(repr=False)
    ca_file: str = ""


@dataclass(frozen=True)
class Request:
    """A call of WHM API 1, or with an `account` of UAPI as that account."""

    function: str
    arguments: Mapping[str, object] = field(repr=False)
    account: str = ""
    #: Largest answer, 0 for the default.
    limit: int = 0

    @property
    def answer_bytes(self) -> int:
        """Return the size of the largest accepted answer."""
        return self.limit or LISTING_BYTES.get(self.function, ANSWER_BYTES)

    @property
    def name(self) -> str:
        """Return the WHM function that is called."""
        return "uapi_cpanel" if self.account else self.function

    @property
    def fields(self) -> dict[str, str]:
        """Return the form's fields."""
        about: dict[str, str] = {}
        if self.account:
            module, _, function = self.function.partition("::")
            about = {"cpanel.user": self.account, "cpanel.module": module, "cpanel.function": function}
        return {**about, **_fields(self.arguments)}

    @property
    def hidden(self) -> list[str]:
        """Return values that must not appear in messages from the answer."""
        return _hidden(self.arguments)

    def read(self, document: object) -> Answer:
        """Return the answer in `document`; for UAPI both envelopes must report success."""
        outer = answers.whm(document, self.hidden)
        if not self.account:
            return outer
        return answers.uapi(outer.data, self.hidden) if outer.ok else Answer(False, None, outer.text)


class Whm:
    """One server's WHM API. Thread-safe. A call either returns an Answer or raises ShoplaunchError:

    panel_auth_failed (login refused: the server is locked, and no further call is made), panel_untrusted (its
    certificate), panel_refused (no WHM there), panel_unreachable (no answer, or not called as others got none),
    panel_answer_too_large; after the last two it is unknown whether a change was made.
    """

    #: The scheme of the `Authorization` header, and the service's default port.
    scheme: ClassVar[str] = "whm"
    port: ClassVar[int] = 2087

    def __init__(self, login: Login, breaker: CircuitBreaker, calls_in_flight: int) -> None:
        self._login = login
        self._breaker = breaker
        self._limiter = limiter_of(login.server, (login.url, login.user, login.token), calls_in_flight)
        self._calls_in_flight = calls_in_flight
        self._made: HttpClient | None = None
        self._headers = {"Authorization": f"{self.scheme} {login.user}:{login.token}", "Accept": "application/json"}

    @property
    def server(self) -> str:
        """Return the server's name."""
        return self._login.server

    @property
    def user(self) -> str:
        """Return the login's user: root or a reseller."""
        return self._login.user

    def call(
        self, function: str, /, *, read_only: bool = False, seconds: int = ANSWER_SECONDS, **arguments: object
    ) -> Answer:
        """Call WHM API 1. `read_only`: it changes nothing, and may be repeated when no answer comes."""
        return self._send(Request(function, arguments), read_only, seconds)

    def uapi(
        self,
        account: str,
        module: str,
        function: str,
        /,
        *,
        read_only: bool = False,
        limit: int = 0,
        **arguments: object,
    ) -> Answer:
        """Call UAPI as `account`: both envelopes must report success. `limit`: size of the largest accepted answer."""
        return self._send(Request(f"{module}::{function}", arguments, account, limit), read_only, ANSWER_SECONDS)

    def _send(self, request: Request, read_only: bool, seconds: int) -> Answer:
        form = {"api.version": "1", **request.fields}
        account = request.account or (form.get("username", "") if request.function in LASTING else "")
        call = Call(f"json-api/{request.name}", form, seconds, request.answer_bytes, account=account)
        return request.read(self._ask(call, read_only))

    def query(self, request: Request) -> Answer:
        """Return the answer to a read-only request, repeated when none comes."""
        return self._send(request, True, ANSWER_SECONDS)

    def batch(self, requests: Sequence[Request]) -> list[Answer] | None:
        """Return the answers to all `requests`, made in one call; None where the server does not support batches."""
        commands = [f"{one.name}?{urlencode(one.fields)}" for one in requests]
        most = sum(one.answer_bytes for one in requests)
        form = {"api.version": "1", "command": commands}
        account = next((one.account for one in requests if one.account), "")
        call = Call("json-api/batch", form, ANSWER_SECONDS, min(most, BATCH_BYTES), account=account)
        answer = answers.whm(self._ask(call, True))
        found = answer.data.get("result") if answer.ok and isinstance(answer.data, dict) else None
        if not isinstance(found, list) or len(found) != len(requests):
            return None
        return [one.read(inner) for one, inner in zip(requests, found, strict=True)]

    def api2(
        self, account: str, module: str, function: str, /, *, read_only: bool = False, **arguments: object
    ) -> Answer:
        """Call API 2 as `account`; `data` is a list of objects."""
        about = {
            "api.version": "1",
            "cpanel_jsonapi_user": account,
            "cpanel_jsonapi_apiversion": "2",
            "cpanel_jsonapi_module": module,
            "cpanel_jsonapi_func": function,
        }
        form = {**about, **_fields(arguments)}
        call = Call("json-api/cpanel", form, ANSWER_SECONDS, ANSWER_BYTES, account=account)
        return answers.api2(self._ask(call, read_only), _hidden(arguments))

    def probe(self) -> Answer:
        """Try the login even when the server is locked; unlock it on success. Return `myprivs`' answer."""
        with self._limiter.passed():
            document = self._post(Call("json-api/myprivs", {"api.version": "1"}, ANSWER_SECONDS, ANSWER_BYTES))
        self._breaker.unlock()
        return answers.whm(document)

    def _ask(self, call: Call, read_only: bool) -> object:
        """Return the document in the answer."""
        for left in reversed(range(READ_TRIES if read_only else 1)):
            try:
                with self._limiter.passed(call.account):
                    # Checked only now: it may have been locked during the wait
                    reason = self._breaker.locked()
                    if reason is not None:
                        raise self._shut_out(reason)
                    rests = self._breaker.rests(call.seconds)
                    if rests is not None:
                        raise Silence("panel_unreachable", rests, rests=True)
                    return self._post(call)
            except ShoplaunchError as error:
                if error.code != "panel_unreachable" or left == 0 or getattr(error, "rests", False):
                    raise
                LOG.info("%s: %s is asked again: %s", self.server, call.path, error.message)
                time.sleep(READ_PAUSE_SECONDS)
        raise AssertionError("unreachable")

    def _post(self, call: Call) -> object:
        """Send everything in the body: addresses end up in logs."""
        headers = {**self._headers, "Content-Type": call.kind}
        limits = Limits(call.seconds, call.answer_bytes)
        client, began = self._client(), time.monotonic()
        try:
            with CALLS.call(self.server, call.account):
                answer = client.ask(HttpRequest("POST", f"/{call.path}", headers, call.body()), limits)
        except NetworkError as problem:
            error = self._silence(call.path, problem)
            if error.code != "panel_unreachable":
                self._breaker.answered()
            elif not self._failed(call, error.message) and problem.kind == SLOW:
                error.rests = True
            raise error from None
        self._note(call, answer.status, time.monotonic() - began)
        return self._read(call.path, answer)

    def _note(self, call: Call, status: int, seconds: float) -> None:
        """Note for the circuit breaker how the call was answered."""
        if status >= _BROKEN:
            self._failed(call, f"{self._login.url} answered {call.path} with {status}")
        elif seconds > SLOW_SECONDS and call.seconds <= ANSWER_SECONDS:
            self._failed(call, f"{self._login.url} took {round(seconds)} seconds to answer {call.path}", late=True)
        else:
            self._breaker.answered()

    def _failed(self, call: Call, reason: str, *, late: bool = False) -> bool:
        """Note for the circuit breaker that the call failed, and return True; unless it is the account alone that
        hangs, by its owner's doing: a file system of the owner's, a pipe in the place of a file, a million files."""
        if call.account and self._answers():
            CALLS.hangs(self.server, call.account)
            self._breaker.answered()
            return False
        self._breaker.failed(reason, late=late)
        return True

    def _answers(self) -> bool:
        """Return whether the server answers a call that looks into no account."""
        request = HttpRequest("POST", f"/{_QUICK}", {**self._headers, "Content-Type": _FORM}, b"api.version=1")
        try:
            return self._client().ask(request, Limits(QUICK_SECONDS, ANSWER_BYTES)).status < _BROKEN
        except (NetworkError, ShoplaunchError):
            return False

    def _client(self) -> HttpClient:
        if self._made is None:
            try:
                context = trusted(self._login.ca_file)
            except OSError:
                message = f"{self._login.ca_file} holds no certificates (PEM)"
                raise ShoplaunchError("panel_untrusted", message) from None
            self._made = HttpClient(Origin.of(self._login.url, context), kept=self._calls_in_flight)
        return self._made

    def _silence(self, path: str, problem: NetworkError) -> Silence:
        """Return the error for a missing answer."""
        code, message = "panel_unreachable", f"{self._login.url} gave no answer to {path}: {problem.reason}"
        if problem.kind == UNTRUSTED:
            code, message = "panel_untrusted", f"{self._login.url}: its certificate cannot be verified"
        if problem.kind == LARGE:
            code, message = "panel_answer_too_large", f"{self._login.url} answered {path}: {problem.reason}"
        return Silence(code, message, was_sent=problem.was_connected)

    def _read(self, path: str, answer: HttpAnswer) -> object:
        page = answer.body.lstrip()[:1] == b"<"
        if answer.status in _REFUSED or (answer.status == 200 and page):
            self._refused(answer.status, page)
        if 300 <= answer.status < 400:
            message = f"{self._login.url} sends us elsewhere; the address must be https://host:{self.port}"
            raise ShoplaunchError("panel_refused", message)
        try:
            document = json_body.parse(answer.body)
        except ValueError:
            message = f"{self._login.url} answered {path} with {answer.status} and no JSON"
            raise Silence("panel_unreachable", message, was_sent=True) from None
        self._limiter.let_in()
        return document

    def _refused(self, status: int, page: bool) -> None:
        """Lock the server after one refused login: more of them get our address locked out."""
        how = f"HTTP {status}" + (", a login page" if page else "")
        reason = f"{self._login.url} does not accept the token of {self._login.user} ({how})"
        LOG.error("%s: %s; no more calls until that is fixed", self.server, reason)
        self._breaker.lock(reason)
        raise self._shut_out(reason)

    def _shut_out(self, reason: str) -> ShoplaunchError:
        return ShoplaunchError("panel_auth_failed", reason)


class Silence(ShoplaunchError):
    """No usable answer. What `was_sent` may be carried out all the same. `rests`: the server is not called for a while,
    or an account of it hangs, so asking again at once is useless."""

    def __init__(self, code: str, message: str, *, was_sent: bool = False, rests: bool = False) -> None:
        super().__init__(code, message)
        self.was_sent = was_sent
        self.rests = rests


@dataclass(frozen=True)
class Call:
    """One call: a form's fields, or a body of the content type `kind`."""

    path: str
    fields: Any = field(repr=False)
    seconds: int
    answer_bytes: int
    kind: str = _FORM
    #: The account whose files and settings the server looks into meanwhile; "" for calls about the server.
    account: str = ""

    def body(self) -> bytes | Body:
        """Return the body to send."""
        return urlencode(self.fields, doseq=True).encode("ascii") if self.kind == _FORM else self.fields


def _fields(arguments: Mapping[str, object]) -> dict[str, str]:
    """Return the arguments as form fields: yes and no as 1 and 0, None left out."""
    return {
        name: str(int(value)) if isinstance(value, bool) else str(value)
        for name, value in arguments.items()
        if value is not None
    }


def _hidden(arguments: Mapping[str, object]) -> list[str]:
    return [str(arguments[name]) for name in SECRET_ARGUMENTS if arguments.get(name)]
