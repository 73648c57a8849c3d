"""Calling a WHM server: token, POST only, certificates verified, every answer read as its outcome."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any, ClassVar
from urllib.parse import urlencode

import requests
from requests.adapters import HTTPAdapter

from controller.panels.cpanel import answers
from controller.panels.cpanel.answers import Answer
from controller.panels.cpanel.gate import Gate, entrance
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
CONNECT_SECONDS = 15
ANSWER_SECONDS = 120
#: Making or removing an account takes its time.
LONG_SECONDS = 600
#: A look that got no answer is repeated: it changes nothing.
LOOKS = 3
LOOK_PAUSE_SECONDS = 1.0
#: Arguments whose values are never shown, even where the panel repeats them.
SECRET_ARGUMENTS = ("password", "pass", "content")
_REFUSED = (401, 403)


@dataclass(frozen=True)
class Login:
    """Where a server's WHM is and as whom we work there; `url` is https://host:port without a path."""

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

    @property
    def name(self) -> str:
        """The function of WHM that is called."""
        return "uapi_cpanel" if self.account else self.function

    @property
    def fields(self) -> dict[str, str]:
        """The form's fields."""
        about: dict[str, str] = {}
        if self.account:
            module, _, function = self.function.partition("::")
            about = {"cpanel.user": self.account, "cpanel.module": module, "cpanel.function": function}
        return {**about, **_fields(self.arguments)}

    @property
    def hidden(self) -> list[str]:
        """What must not be shown of the answer's words."""
        return _hidden(self.arguments)

    def read(self, document: Any) -> Answer:
        """Return the answer in `document`; of UAPI's both envelopes must say yes."""
        outer = answers.whm(document, self.hidden)
        if not self.account:
            return outer
        return answers.uapi(outer.data, self.hidden) if outer.ok else Answer(False, None, outer.text)


class Whm:
    """One server's WHM API. Safe for threads. A call either gives an Answer or raises ShoplaunchError:

    panel_auth_failed (login refused: the gate is closed, nothing goes out any more), panel_untrusted (its certificate),
    panel_refused (no WHM there), panel_unreachable (no answer: whether a change was made is unknown).
    """

    #: How the token is named in the `Authorization` header, and where such a server answers.
    door: ClassVar[str] = "whm"
    port: ClassVar[int] = 2087

    def __init__(self, login: Login, gate: Gate, calls_in_flight: int) -> None:
        self._login = login
        self._gate = gate
        self._entrance = entrance(login.server, (login.url, login.user, login.token), calls_in_flight)
        self._session = _session(login, self.door, calls_in_flight)

    @property
    def server(self) -> str:
        """The server's name."""
        return self._login.server

    @property
    def user(self) -> str:
        """Who we are there: root or a reseller."""
        return self._login.user

    def call(
        self, function: str, /, *, look: bool = False, seconds: int = ANSWER_SECONDS, **arguments: object
    ) -> Answer:
        """Call WHM API 1. `look`: it only reads, and may be repeated when no answer comes."""
        return self._send(Request(function, arguments), look, seconds)

    def uapi(self, account: str, module: str, function: str, /, *, look: bool = False, **arguments: object) -> Answer:
        """Call UAPI as `account`: both envelopes must say yes."""
        return self._send(Request(f"{module}::{function}", arguments, account), look, ANSWER_SECONDS)

    def _send(self, request: Request, look: bool, seconds: int) -> Answer:
        fields = {"api.version": "1", **request.fields}
        return request.read(self._ask(f"json-api/{request.name}", fields, look, seconds))

    def look(self, request: Request) -> Answer:
        """Return the answer to something that only reads, repeated when none comes."""
        return self._send(request, True, ANSWER_SECONDS)

    def batch(self, looks: Sequence[Request]) -> list[Answer] | None:
        """Return the answers to all `looks`, made in one call; None where the server carries out no such call."""
        commands = [f"{one.name}?{urlencode(one.fields)}" for one in looks]
        document = self._ask("json-api/batch", {"api.version": "1", "command": commands}, True, ANSWER_SECONDS)
        answer = answers.whm(document)
        found = answer.data.get("result") if answer.ok and isinstance(answer.data, dict) else None
        if not isinstance(found, list) or len(found) != len(looks):
            return None
        return [one.read(inner) for one, inner in zip(looks, found, strict=True)]

    def api2(self, account: str, module: str, function: str, /, *, look: bool = False, **arguments: object) -> Answer:
        """Call API 2 as `account`; `data` is a list of objects."""
        about = {
            "api.version": "1",
            "cpanel_jsonapi_user": account,
            "cpanel_jsonapi_apiversion": "2",
            "cpanel_jsonapi_module": module,
            "cpanel_jsonapi_func": function,
        }
        document = self._ask("json-api/cpanel", {**about, **_fields(arguments)}, look, ANSWER_SECONDS)
        return answers.api2(document, _hidden(arguments))

    def probe(self) -> Answer:
        """Try the login although the gate may be closed; open it when it works. Returns the answer of `myprivs`."""
        with self._entrance.passed():
            document = self._post("json-api/myprivs", {"api.version": "1"}, ANSWER_SECONDS)
        self._gate.open()
        return answers.whm(document)

    def _ask(self, path: str, fields: Any, look: bool, seconds: int, kind: str | None = None) -> Any:
        """Return the document that is answered to `fields`, or to a body of the content type `kind`."""
        for left in reversed(range(LOOKS if look else 1)):
            try:
                with self._entrance.passed():
                    # Only now: it may have been closed while we waited
                    reason = self._gate.closed()
                    if reason is not None:
                        raise self._shut_out(reason)
                    return self._post(path, fields, seconds, kind)
            except ShoplaunchError as error:
                if error.code != "panel_unreachable" or left == 0:
                    raise
                LOG.info("%s: %s is asked again: %s", self.server, path, error.message)
                time.sleep(LOOK_PAUSE_SECONDS)
        raise AssertionError("unreachable")

    def _post(self, path: str, fields: Any, seconds: int, kind: str | None = None) -> Any:
        """Everything travels in the body: addresses end up in logs."""
        try:
            answer = self._session.post(
                f"{self._login.url}/{path}",
                data=fields,
                headers=None if kind is None else {"Content-Type": kind},
                timeout=(CONNECT_SECONDS, seconds),
                allow_redirects=False,
            )
            body = answer.content
        except requests.RequestException as problem:
            raise self._silence(path, problem) from None
        return self._read(path, answer, body)

    def _silence(self, path: str, problem: requests.RequestException) -> ShoplaunchError:
        """Say why no answer came; not in the library's words, which repeat what was sent."""
        causes = list(_causes(problem))
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
            return ShoplaunchError("panel_untrusted", f"{self._login.url}: its certificate cannot be verified")
        cause = next((one.strerror for one in causes if isinstance(one, OSError) and one.strerror), None)
        message = f"{self._login.url} gave no answer to {path}: {cause or type(causes[-1]).__name__}"
        return ShoplaunchError("panel_unreachable", message)

    def _read(self, path: str, answer: requests.Response, body: bytes) -> Any:
        page = body.lstrip()[:1] == b"<"
        if answer.status_code in _REFUSED or (answer.status_code == 200 and page):
            self._refused(answer.status_code, page)
        if 300 <= answer.status_code < 400:
            message = f"{self._login.url} sends us elsewhere; the address must be https://host:{self.port}"
            raise ShoplaunchError("panel_refused", message)
        try:
            document = answer.json()
        except ValueError:
            message = f"{self._login.url} answered {path} with {answer.status_code} and no JSON"
            raise ShoplaunchError("panel_unreachable", message) from None
        self._entrance.let_in()
        return document

    def _refused(self, status: int, page: bool) -> None:
        """One refused login is enough: more of them get our address locked out."""
        how = f"HTTP {status}" + (", a login page" if page else "")
        reason = f"{self._login.url} does not accept the token of {self._login.user} ({how})"
        LOG.error("%s: %s; no more calls until that is mended", self.server, reason)
        self._gate.close(reason)
        raise self._shut_out(reason)

    def _shut_out(self, reason: str) -> ShoplaunchError:
        return ShoplaunchError("panel_auth_failed", reason)


def _session(login: Login, door: str, connections: int) -> requests.Session:
    session = requests.Session()
    # Neither proxies, nor CA bundles, nor logins of somebody's environment
    session.trust_env = False
    session.verify = login.ca_file or True
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    session.mount("https://", HTTPAdapter(pool_connections=1, pool_maxsize=connections))
    session.headers["Authorization"] = f"{door} {login.user}:{login.token}"
    session.headers["Accept"] = "application/json"
    return session


def _fields(arguments: Mapping[str, object]) -> dict[str, str]:
    """Return the arguments as form fields: yes and no as 1 and 0, None left out."""
    return {
        name: str(int(value)) if isinstance(value, bool) else str(value)
        for name, value in arguments.items()
        if value is not None
    }


def _hidden(arguments: Mapping[str, object]) -> list[str]:
    return [str(arguments[name]) for name in SECRET_ARGUMENTS if arguments.get(name)]


def _causes(problem: BaseException) -> Iterator[BaseException]:
    """Give the failure and what is inside it, outermost first."""
    found: BaseException | None = problem
    while found is not None:
        yield found
        inner = [getattr(found, "reason", None), *found.args, found.__cause__, found.__context__]
        found = next((one for one in inner if isinstance(one, BaseException)), None)
