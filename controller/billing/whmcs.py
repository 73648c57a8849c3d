"""Notifications through WHMCS: one ticket per order, three mails, staff notes; each once, even after a lost answer.

Before each change the driver checks whether it is there already, and records that it is requested. After a lost answer,
a change that is found counts as made; one that is not is requested again once WHMCS had time to finish the first call.
Ticket and mails do not wait for each other.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar

from controller.billing import texts
from controller.billing.base import About, Alarm, Billing, Handover, Unsettled
from controller.billing.php_serialized import custom_variables
from controller.billing.whmcs_api import GaveUp, NeverAsked, WhmcsApi, WhmcsError, is_off, items
from controller.billing.whmcs_settings import LINK, MAIL, SET, WhmcsSettings
from controller.product_kind import SITE
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
RECEIVED, READY, DELAYED = (
    "Shoplaunch: request received", "Shoplaunch: shop ready", "Shoplaunch: shop delayed",
)  # fmt: skip
#: How long WHMCS may continue a call whose answer is lost: its mail server and hooks take seconds.
SETTLE_SECONDS = 15.0
#: After a time-out WHMCS is slow; no call lives longer than this on any common web server.
SLOW_SECONDS = 600.0
PAGE = 100
#: At most so many of a client's mails are searched for one sent by Shoplaunch.
MAX_MAILS = 1000
VARIABLES = (
    "shop_domain", "shop_url", "shop_admin_url", "shop_login", "shop_password_link", "shop_password",
    "shop_password_to_choose", "shop_name_servers", "shop_status_url", "shop_persian", "shop_is_site",
)  # fmt: skip
_UNREACHABLE = "whmcs_unreachable"
#: This, too, leaves it unknown whether the change was made.
_TOO_LARGE = "whmcs_answer_too_large"
_TEMPLATE_ERRORS = ("email template not found", "email template is disabled")


class Whmcs(Billing):
    """Notifications through WHMCS as section [whmcs] sets. `operator` is also notified of failures."""

    keeps_posted: ClassVar[bool] = True

    def __init__(
        self, settings: WhmcsSettings, operator: Billing | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._api = WhmcsApi(settings)
        self._operator = operator
        self._clock = clock
        self.credentials = settings.credentials

    # -- notifications --------------------------------------------------------------------------------------------

    def announce(self, about: About) -> str:
        """See Billing.announce: the order's ticket, and the mail `request received`."""
        client = self._client(about)
        ticket, note = _each(
            lambda: self._ticket(about, client)["tid"],
            lambda: self._mail(about, client, "received", RECEIVED, {}),
        )
        return f"ticket {ticket}; {note}"

    def hand_over(self, news: Handover) -> None:
        """See Billing.hand_over: an answer in the ticket, and the mail `shop ready` after the first one."""
        about = _about(news)
        client = self._client(about)
        _each(lambda: self._reply(about, client, news), lambda: self._mail_ready(about, client, news))

    def credentials_for(self, about: About) -> str:
        """See Billing.credentials_for: a client who opted out of mails finds a link in the ticket."""
        if self.credentials == MAIL and self._client(about)["no_mail"]:
            return LINK
        return self.credentials

    def delayed(self, about: About) -> str:
        """See Billing.delayed: the mail `shop delayed`."""
        return self._mail(about, self._client(about), "delayed", DELAYED, {})

    def alarm(self, news: Alarm) -> None:
        """See Billing.alarm: a note in the ticket that only staff sees, and the operator's mail.

        Once the note exists, a missing operator address is no failure: staff is informed.
        """
        about = _about(news)
        told = hashlib.sha256(repr((news.state, news.step, news.code, news.message)).encode()).hexdigest()[:12]
        # A follow-up job has no ticket of its own
        problem = self._try_note(about, news, told) if about.service_id else None
        if self._operator is not None and about.memory.get("alarm_mailed") != told:
            self._mail_operator(self._operator, news, told, noted=bool(about.service_id) and problem is None)
        if problem is not None and problem.retryable:
            raise problem

    def _mail_operator(self, operator: Billing, news: Alarm, told: str, *, noted: bool) -> None:
        try:
            operator.alarm(news)
        except ShoplaunchError as error:
            if not noted or error.code != "operator_missing":
                raise
            return
        _about(news).memory.put("alarm_mailed", told)

    def _try_note(self, about: About, news: Alarm, told: str) -> ShoplaunchError | None:
        """Write the note; return the error that prevented it: the operator's mail must go out all the same."""
        if about.memory.get("noted") == told:
            return None
        try:
            self._note(about, self._client(about), news, told)
        except ShoplaunchError as error:
            LOG.warning("job %s: no note in WHMCS: %s: %s", about.job, error.code, error.message)
            return error
        return None

    # -- the client -----------------------------------------------------------------------------------------------

    def _client(self, about: About) -> dict[str, Any]:
        """Return {"id", "language", "no_mail", "first_name"} of the service's client."""
        number = about.client_id or self._owner(about)
        answer = self._ask("GetClientsDetails", clientid=number, stats=0)
        details = answer.get("client")
        found = details if isinstance(details, dict) else answer
        wishes = found.get("email_preferences")
        no_mail = isinstance(wishes, dict) and "product" in wishes and is_off(wishes["product"])
        return {
            "id": number,
            "language": texts.client_language(str(found.get("language") or ""), about.language),
            "no_mail": no_mail,
            "first_name": about.first_name or str(found.get("firstname") or "") or about.domain,
        }

    def _owner(self, about: About) -> str:
        """Return the owner of the service, where billing's event did not name it."""
        answer = self._ask("GetClientsProducts", serviceid=about.service_id)
        for row in items(answer, "products", "product"):
            owner = str(row.get("clientid") or row.get("userid") or "")
            if owner and str(row.get("id")) == about.service_id:
                return owner
        raise ShoplaunchError("whmcs_error", f"GetClientsProducts: there is no service {about.service_id}")

    # -- tickets --------------------------------------------------------------------------------------------------

    def _ticket(self, about: About, client: dict[str, Any]) -> dict[str, str]:
        """Return {"id", "tid"} of the order's ticket; open it when there is none."""
        known = about.memory.get("ticket")
        if known:
            return dict(known)
        ticket: dict[str, str] = self._once(
            about, "ticket", lambda: self._find_ticket(about, client), lambda: self._open_ticket(about, client)
        )
        about.memory.put("ticket", ticket)
        return ticket

    def _find_ticket(self, about: About, client: dict[str, Any]) -> dict[str, str] | None:
        reference = _reference(about)
        answer = self._ask(
            "GetTickets", clientid=client["id"], subject=reference, limitnum=PAGE, ignore_dept_assignments="true"
        )
        for row in items(answer, "tickets", "ticket"):
            if reference in str(row.get("subject")):
                return {"id": str(row.get("id") or row.get("ticketid")), "tid": str(row.get("tid"))}
        return None

    def _open_ticket(self, about: About, client: dict[str, Any]) -> dict[str, str]:
        values = _values(about, client)
        answer = self._do(
            about,
            "ticket",
            "OpenTicket",
            deptid=self._settings.department,
            clientid=client["id"],
            serviceid=about.service_id,
            subject=texts.filled(texts.SUBJECT, client["language"], values),
            message=texts.filled(texts.OPENED, client["language"], values),
            priority="Medium",
            admin="true",
            # The mail has the same text
            noemail="" if client["no_mail"] else "true",
        )
        return {"id": str(answer.get("id")), "tid": str(answer.get("tid"))}

    def _read_ticket(self, about: About, client: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return (number, content) of the order's ticket; open a new one when staff deleted or merged it."""
        ticket = self._ticket(about, client)
        try:
            return ticket["id"], self._api.call("GetTicket", ticketid=ticket["id"])
        except WhmcsError:
            about.memory.put("ticket", None)
        ticket = self._ticket(about, client)
        return ticket["id"], self._ask("GetTicket", ticketid=ticket["id"])

    def _reply(self, about: About, client: dict[str, Any], news: Handover) -> None:
        """Write into the ticket that the shop is ready, once."""
        if about.memory.get("replied"):
            return
        number, content = self._read_ticket(about, client)
        reference = f"{_reference(about)}-ready"
        self._once(
            about, "replied",
            lambda: _says(content, "replies", "reply", reference),
            lambda: self._do(
                about, "replied", "AddTicketReply",
                ticketid=number, message=self._ready_text(about, client, news, reference),
                adminusername=self._settings.admin, noemail="" if client["no_mail"] else "true",
            ),
        )  # fmt: skip
        about.memory.put("replied", True)

    def _ready_text(self, about: About, client: dict[str, Any], news: Handover, reference: str) -> str:
        language = client["language"]
        servers = texts.NAME_SERVERS if news.name_servers else ""
        values = {
            **_values(about, client),
            **{name: getattr(news, name) for name in ("shop_url", "admin_url", "login", "password_link")},
            "ready_at": texts.moment(news.ready_at or self._clock(), language),
            "name_servers": ", ".join(news.name_servers),
            "reference": reference,
        }
        values["password_line"] = texts.filled(texts.PASSWORD_LINES[news.way], language, values)
        values["name_servers_line"] = texts.filled(servers, language, values)
        return texts.filled(texts.READY, language, values)

    def _note(self, about: About, client: dict[str, Any], news: Alarm, told: str) -> None:
        """Write the failure into the ticket for staff, once for each failure."""
        reference = f"{_reference(about)}-{told}"
        number, content = self._read_ticket(about, client)
        names = ("domain", "server", "state", "code", "message", "advice", "admin_url")
        values = {name: str(getattr(news, name)) for name in names}
        values |= {"step": news.step or "-", "reference": reference}
        message = texts.filled(texts.NOTE, "en", values)
        self._once(
            about, "noted",
            lambda: _says(content, "notes", "note", reference),
            lambda: self._do(about, "noted", "AddTicketNote", ticketid=number, message=message),
        )  # fmt: skip
        about.memory.put("noted", told)

    # -- mails ----------------------------------------------------------------------------------------------------

    def _mail_ready(self, about: About, client: dict[str, Any], news: Handover) -> None:
        """Send the client the mail `shop ready`, after the one that the request was received."""
        if not about.memory.get("mailed_ready"):
            self._mail_beginning(about, client)
        values = {
            "shop_url": news.shop_url,
            "shop_admin_url": news.admin_url,
            "shop_login": news.login,
            "shop_password_link": news.password_link,
            "shop_password": news.password,
            "shop_password_to_choose": _flag(news.way == SET),
            "shop_name_servers": ", ".join(news.name_servers),
        }
        self._mail(about, client, "ready", READY, values)

    def _mail_beginning(self, about: About, client: dict[str, Any]) -> None:
        """Send the first mail. Raises `whmcs_unreachable` when a retry may help; an unsendable mail blocks no other."""
        lost_before = about.memory.get(_settles("mailed_received")) is not None
        try:
            self._mail(about, client, "received", RECEIVED, {})
        except Unsettled:
            raise
        except ShoplaunchError as error:
            if error.code == _UNREACHABLE and not lost_before:
                raise
            LOG.warning("job %s: the beginning is not told any more: %s: %s", about.job, error.code, error.message)

    def _mail(self, about: About, client: dict[str, Any], kind: str, template: str, values: dict[str, str]) -> str:
        """Send the client the mail once; return a note. Every mail contains its own status address."""
        what = f"mailed_{kind}"
        if about.memory.get(what):
            return "mail sent"
        if client["no_mail"]:
            about.memory.put(what, "unwanted")
            return "the client wants no mail about products"
        address = f"{about.status_url}?m={kind}"
        # Edited templates may lack one or the other; no other mail has either
        marks = [mark for mark in (address, values.get("shop_admin_url"), values.get("shop_password_link")) if mark]
        flags = {"shop_persian": _flag(client["language"] == "fa"), "shop_is_site": _flag(about.noun == SITE)}
        known = {"shop_domain": about.domain, "shop_status_url": address, **flags, **values}
        variables = custom_variables({name: known.get(name, "") for name in VARIABLES})
        self._once(
            about, what,
            lambda: self._was_mailed(client, marks),
            lambda: self._do(
                about, what, "SendEmail", messagename=template, id=about.service_id, customvars=variables
            ),
        )  # fmt: skip
        about.memory.put(what, True)
        return "mail sent"

    def _was_mailed(self, client: dict[str, Any], marks: list[str]) -> bool:
        seen = 0
        while seen < MAX_MAILS:
            answer = self._ask("GetEmails", clientid=client["id"], limitstart=seen, limitnum=PAGE)
            rows = list(items(answer, "emails", "email"))
            if any(mark in str(row.get("message")) for row in rows for mark in marks):
                return True
            # WHMCS may return fewer rows than requested
            seen += len(rows)
            if not rows or str(seen) == str(answer.get("totalresults")):
                break
        return False

    # -- calls ----------------------------------------------------------------------------------------------------

    def _ask(self, action: str, **values: str | int) -> dict[str, Any]:
        """Query WHMCS; a refusal is a failure."""
        try:
            return self._api.call(action, **values)
        except WhmcsError as error:
            raise ShoplaunchError("whmcs_error", str(error)) from None

    def _once(self, about: About, what: str, look: Callable[[], Any], act: Callable[[], Any]) -> Any:
        """Return what `look` finds, else what `act` makes. Raises Unsettled while an earlier call may take effect."""
        # Read before the query: the query may miss a change that settles during it
        left = (about.memory.get(_settles(what)) or 0.0) - self._clock()
        found = look()
        if found:
            return found
        if left > 0:
            # The change may take effect well before
            raise Unsettled(_UNREACHABLE, "WHMCS did not answer and may still be at it", min(left, SETTLE_SECONDS))
        return act()

    def _do(self, about: About, what: str, action: str, **values: str | int) -> dict[str, Any]:
        """Make a change; record beforehand until when it may still take effect, in case no answer comes."""
        settles, now = _settles(what), self._clock()
        about.memory.put(settles, now + SLOW_SECONDS)
        try:
            answer = self._api.call(action, **values)
        except WhmcsError as error:
            about.memory.put(settles, None)
            raise _refusal(error) from None
        except ShoplaunchError as error:
            lost = error.code in (_UNREACHABLE, _TOO_LARGE) and not isinstance(error, NeverAsked)
            wait = SLOW_SECONDS if isinstance(error, GaveUp) else SETTLE_SECONDS
            about.memory.put(settles, self._clock() + wait if lost else None)
            raise
        about.memory.put(settles, None)
        return answer


def _settles(what: str) -> str:
    return f"{what}_settles"


def _each(*acts: Callable[[], Any]) -> list[Any]:
    """Call all of `acts`, even when some fail; return their results.

    Raises the failure that most deserves a retry: first one that may pass, then one that only needs waiting.
    """
    results, failures = [], []
    for act in acts:
        try:
            results.append(act())
        except ShoplaunchError as error:
            LOG.warning("%s: %s", error.code, error.message)
            failures.append(error)
    if failures:
        raise min(failures, key=lambda error: (not error.retryable, isinstance(error, Unsettled)))
    return results


def _about(news: Handover | Alarm) -> About:
    if news.about is None:
        raise ShoplaunchError("internal", "news for WHMCS need to say what they are about")
    return news.about


def _flag(is_so: bool) -> str:
    """Return a yes or no as a template's `{if}` reads it."""
    return "1" if is_so else ""


def _says(ticket: dict[str, Any], outer: str, inner: str, reference: str) -> bool:
    return any(reference in str(row.get("message")) for row in items(ticket, outer, inner))


def _reference(about: About) -> str:
    return f"#{about.job}"


def _values(about: About, client: dict[str, Any]) -> dict[str, str]:
    names = {"domain": about.domain, "status_url": about.status_url, "reference": _reference(about)}
    return {**names, "first_name": client["first_name"], **texts.named(about.noun, client["language"])}


def _refusal(error: WhmcsError) -> ShoplaunchError:
    text = error.message.lower()
    if text.startswith(_TEMPLATE_ERRORS):
        return ShoplaunchError("whmcs_template", str(error))
    if text.startswith("sending failed"):
        return ShoplaunchError("whmcs_mail_failed", str(error))
    return ShoplaunchError("whmcs_error", str(error))
