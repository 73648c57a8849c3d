"""The order's ticket in WHMCS: opened once, answered once, with a note to staff for each failure."""

from __future__ import annotations

from collections.abc import Mapping

from controller.billing.base import About, Alarm, Handover
from controller.billing.whmcs import ticket_texts
from controller.billing.whmcs.answers import items
from controller.billing.whmcs.api import WhmcsApi, WhmcsError
from controller.billing.whmcs.changes import Changes
from controller.billing.whmcs.clients import Client
from controller.billing.whmcs.settings import WhmcsSettings
from controller.billing.whmcs.ticket_texts import reference

#: At most so many tickets are searched for the order's own.
MAX_TICKETS = 100


class Tickets:
    """The tickets in the department that `settings` name."""

    def __init__(self, settings: WhmcsSettings, api: WhmcsApi, changes: Changes) -> None:
        self._settings = settings
        self._api = api
        self._changes = changes

    def open(self, about: About, client: Client) -> str:
        """Return the number clients see of the order's ticket; open it when there is none."""
        return self._ticket(about, client)["tid"]

    def answer_ready(self, about: About, client: Client, news: Handover, ready_at: float) -> None:
        """Write into the ticket that the shop is ready, once."""
        if about.log.get("replied"):
            return
        number, content = self._read(about, client)
        self._changes.once(
            about, "replied",
            lambda: _says(content, "replies", "reply", reference(about, "ready")),
            lambda: self._changes.make(
                about, "replied", "AddTicketReply",
                ticketid=number, message=ticket_texts.ready(about, client, news, ready_at),
                adminusername=self._settings.admin, noemail="" if client.no_mail else "true",
            ),
        )  # fmt: skip
        about.log.put("replied", True)

    def note(self, about: About, client: Client, news: Alarm, failure: str) -> None:
        """Write the failure into the ticket for staff, once for each `failure` (digest)."""
        number, content = self._read(about, client)
        message = ticket_texts.note(about, news, failure)
        self._changes.once(
            about, "noted",
            lambda: _says(content, "notes", "note", reference(about, failure)),
            lambda: self._changes.make(about, "noted", "AddTicketNote", ticketid=number, message=message),
        )  # fmt: skip
        about.log.put("noted", failure)

    def _ticket(self, about: About, client: Client) -> dict[str, str]:
        """Return {"id", "tid"} of the order's ticket; open it when there is none."""
        known = about.log.get("ticket")
        if known and isinstance(known, Mapping):
            return {str(name): str(value) for name, value in known.items()}
        ticket = self._changes.once(
            about, "ticket", lambda: self._find(about, client), lambda: self._open(about, client)
        )
        about.log.put("ticket", ticket)
        return ticket

    def _find(self, about: About, client: Client) -> dict[str, str] | None:
        subject = reference(about)
        answer = self._api.ask(
            "GetTickets", clientid=client.id, subject=subject, limitnum=MAX_TICKETS, ignore_dept_assignments="true"
        )
        for row in items(answer, "tickets", "ticket"):
            if subject in str(row.get("subject")):
                return {"id": str(row.get("id") or row.get("ticketid")), "tid": str(row.get("tid"))}
        return None

    def _open(self, about: About, client: Client) -> dict[str, str]:
        subject, message = ticket_texts.opening(about, client)
        answer = self._changes.make(
            about,
            "ticket",
            "OpenTicket",
            deptid=self._settings.department,
            clientid=client.id,
            serviceid=about.service_id,
            subject=subject,
            message=message,
            priority="Medium",
            admin="true",
            # The mail has the same text
            noemail="" if client.no_mail else "true",
        )
        return {"id": str(answer.get("id")), "tid": str(answer.get("tid"))}

    def _read(self, about: About, client: Client) -> tuple[str, dict[str, object]]:
        """Return (number, content) of the order's ticket; open a new one when staff deleted or merged it."""
        ticket = self._ticket(about, client)
        try:
            return ticket["id"], self._api.call("GetTicket", ticketid=ticket["id"])
        except WhmcsError:
            about.log.put("ticket", None)
        ticket = self._ticket(about, client)
        return ticket["id"], self._api.ask("GetTicket", ticketid=ticket["id"])


def _says(ticket: dict[str, object], outer: str, inner: str, entry: str) -> bool:
    return any(entry in str(row.get("message")) for row in items(ticket, outer, inner))
