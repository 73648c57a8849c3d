"""The only client of WHMCS's External API: form-encoded calls, answers judged by `result`, no secrets in any text."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from controller.billing.whmcs.answers import parsed
from controller.billing.whmcs.settings import WhmcsSettings
from controller.network.failures import LARGE, NetworkError
from controller.network.http_client import HttpClient, HttpRequest, Limits, Origin
from controller.network.trust import trusted
from controller.network.words import shown
from shared.errors import ShoplaunchError

#: Largest answer to an action that changes something or asks about WHMCS itself.
ANSWER_BYTES = 256 * 1024
#: Action -> largest answer, where it holds texts of clients and staff: mails, tickets, notes, fields.
LISTING_BYTES: Mapping[str, int] = {
    "GetEmails": 8 * 1024 * 1024,
    "GetTickets": 8 * 1024 * 1024,
    "GetTicket": 8 * 1024 * 1024,
    "GetClientsProducts": 1024 * 1024,
    "GetClientsDetails": 1024 * 1024,
    "GetAdminUsers": 1024 * 1024,
}
#: Messages of WHMCS that refuse the caller itself; any other is about the call.
_REFUSALS = ("invalid ip", "invalid permissions", "authentication failed", "access denied", "api action")
#: Field that marks success where the documented answer has no `result`.
_UNMARKED = {"GetAdminUsers": "admin_users"}
#: Status codes of a proxy that stopped waiting.
_TOO_SLOW = (504, 524)


class WhmcsError(Exception):
    """WHMCS understood the call and refuses it: `message` holds its own words."""

    def __init__(self, action: str, message: str) -> None:
        super().__init__(f"{action}: {message}")
        self.action = action
        self.message = message


class NeverAsked(ShoplaunchError):
    """WHMCS cannot have done anything: no connection was made."""


class GaveUp(ShoplaunchError):
    """WHMCS, or a proxy before it, answered too late or not at all: it may go on with the call for long."""


class WhmcsApi:
    """Call actions. Holds only the settings; secrets are read at each call, so they may be replaced."""

    def __init__(self, settings: WhmcsSettings) -> None:
        self._settings = settings

    def call(self, action: str, **values: str | int) -> dict[str, object]:
        """Return the answer to `action`; empty values are left out.

        Raises WhmcsError when WHMCS refuses; ShoplaunchError `whmcs_unreachable` when the outcome is unknown (as
        NeverAsked when nothing was done, as GaveUp when WHMCS may go on for long), `whmcs_answer_too_large` (outcome
        unknown as well), `whmcs_refused` when the login or the permission is missing, `config_invalid`.
        """
        secret, key = self._settings.secret(), self._settings.access_key()
        form = {name: str(value) for name, value in values.items() if value != ""}
        form |= {"action": action, "responsetype": "json", "identifier": self._settings.identifier, "secret": secret}
        if key:
            form["accesskey"] = key
        status, content = self._post(action, form)
        answer = parsed(content)
        if answer is None:
            words = f"{action}: WHMCS answered {status} with something that is no JSON"
            raise (GaveUp if status in _TOO_SLOW else ShoplaunchError)("whmcs_unreachable", words)
        if answer.get("result") == "success" or ("result" not in answer and _UNMARKED.get(action) in answer):
            return answer
        message = _without_secrets(str(answer.get("message") or "no reason given"), secret, key)
        if status in (401, 403) or message.lower().startswith(_REFUSALS):
            raise ShoplaunchError("whmcs_refused", f"{action}: {message}")
        if status >= 500:
            raise ShoplaunchError("whmcs_unreachable", f"{action}: WHMCS answered {status}: {message}")
        raise WhmcsError(action, message)

    def ask(self, action: str, **values: str | int) -> dict[str, object]:
        """Return the answer to a query like `call`; a refusal is a failure, `whmcs_error`."""
        try:
            return self.call(action, **values)
        except WhmcsError as error:
            raise ShoplaunchError("whmcs_error", str(error)) from None

    def _post(self, action: str, form: Mapping[str, str]) -> tuple[int, bytes]:
        settings = self._settings
        parts = urlsplit(settings.endpoint)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(form).encode("ascii")
        try:
            client = HttpClient(Origin.of(settings.endpoint, _trusted(settings)))
            limits = Limits(settings.timeout_seconds, LISTING_BYTES.get(action, ANSWER_BYTES))
            answer = client.ask(HttpRequest("POST", parts.path, headers, body), limits)
        except NetworkError as problem:
            if problem.kind == LARGE:
                raise ShoplaunchError("whmcs_answer_too_large", f"{action}: {problem.reason}") from None
            # A connection that breaks ends no call
            kind = GaveUp if problem.was_connected else NeverAsked
            raise kind("whmcs_unreachable", f"{action}: {problem.reason}") from None
        return answer.status, answer.body


def _trusted(settings: WhmcsSettings) -> ssl.SSLContext:
    try:
        return trusted(settings.ca)
    except OSError as problem:
        reason = problem.strerror or "no certificates in it"
        raise ShoplaunchError("config_invalid", f"[whmcs] ca: {reason}") from None


def _without_secrets(message: str, *secrets: str) -> str:
    for secret in secrets:
        if secret:
            message = message.replace(secret, "***")
    return shown(message, 300)
