"""The actions of the API: what each asks for, refuses, and leaves behind. Parameters and texts are WHMCS's own."""

import base64
import binascii

from tests.fakes.whmcs.books import TICKET_OPENED, TICKET_REPLY, Refused
from tests.fakes.whmcs.php import NotSerialized, unserialize

_TRUE = ("1", "true", "on")


def send_email(books, form):
    name, number = form.get("messagename", ""), form.get("id", "")
    if not name and not form.get("customtype"):
        raise Refused("You must provide either an existing email template name or a custom message type")
    if form.get("customtype"):
        raise Refused("Invalid message type provided")
    values = _variables(form)
    if not number:
        raise Refused("A related ID is required")
    books.send(name, number, values)
    return {}


def _variables(form):
    if "customvars" not in form:
        return {}
    try:
        return unserialize(base64.b64decode(form["customvars"], validate=True))
    except (binascii.Error, NotSerialized, UnicodeDecodeError):
        raise Refused("The custom variables you provided are invalid.") from None


def get_emails(books, form):
    client = _client(books, form, "Client ID Not Found")
    subject = form.get("subject", "").lower()
    rows = [mail for mail in books.mails_of(client) if subject in mail["subject"].lower()]
    if not books.lists_oldest_first:
        rows.reverse()
    return _page(rows, form, "emails", "email", whole=len(rows))


def _client(books, form, missing):
    client = books.clients.get(form.get("clientid", ""))
    if client is None:
        raise Refused(missing)
    return client


def get_clients_details(books, form):
    if not form.get("clientid") and not form.get("email"):
        raise Refused("Either clientid Or email Is Required")
    client = _client(books, form, "Client Not Found")
    return {"userid": client["id"], **client, "client": dict(client)}


def get_clients_products(books, form):
    rows = [row for row in books.services.values() if form.get("serviceid", row["id"]) == row["id"]]
    rows = [row for row in rows if form.get("clientid", row["clientid"]) == row["clientid"]]
    return {"clientid": form.get("clientid"), "serviceid": form.get("serviceid"),
            **_page(rows, form, "products", "product", whole=str(len(rows)))}  # fmt: skip


def open_ticket(books, form):
    number = form.get("deptid", "")
    if number not in books.departments:
        raise Refused("Department ID not found")
    client = _client(books, form, "Client ID Not Found")
    if form.get("serviceid") and form["serviceid"] not in books.services:
        raise Refused("Service ID Not Found")
    for name in ("subject", "message"):
        if not form.get(name):
            raise Refused(f"{name.capitalize()} is required")
    if form.get("priority", "Low") not in ("Low", "Medium", "High"):
        raise Refused("Invalid Ticket Priority. Valid priorities are: Low,Medium,High")
    key = books.number()
    by_staff = form.get("admin", "").lower() in _TRUE
    ticket = {
        "id": key, "tid": f"51675{key}", "c": "KPqH7yG3", "deptid": number, "userid": client["id"],
        "name": client["fullname"], "email": client["email"], "cc": "", "date": "2026-06-01 10:00:00",
        "subject": form["subject"], "status": "Open", "priority": form.get("priority", "Medium"),
        "admin": "API Admin" if by_staff else "", "lastreply": "", "flag": "0",
        "service": f"S{form['serviceid']}" if form.get("serviceid") else "", "replies": [], "notes": [],
    }  # fmt: skip
    books.tickets.append(ticket)
    _say(books, ticket, form, "replies", "API Admin" if by_staff else "")
    _tell(books, ticket, form, client, TICKET_OPENED)
    return {"id": key, "tid": ticket["tid"], "c": ticket["c"]}


def _say(books, ticket, form, kind, admin):
    ticket[kind].append({"replyid": books.number(), "admin": admin, "message": form["message"]})


def _tell(books, ticket, form, client, template):
    if form.get("noemail", "").lower() not in _TRUE:
        books.mail_of_ticket(ticket, client, template, form["message"])


def _ticket(books, form):
    ticket = books.ticket(form.get("ticketid", ""))
    if ticket is None:
        raise Refused("Ticket ID not found")
    if not form.get("message"):
        raise Refused("Message is required")
    return ticket


def add_ticket_reply(books, form):
    ticket = _ticket(books, form)
    admin = form.get("adminusername", "")
    # There is no error of its own for a name nobody has: such a reply is nobody's
    if admin not in books.admins and not any(form.get(name) for name in ("clientid", "contactid", "email")):
        raise Refused("Name and email address are required if not a client")
    if "clientid" in form:
        _client(books, form, "Client ID Not Found")
    _say(books, ticket, form, "replies", admin)
    _tell(books, ticket, form, books.clients[ticket["userid"]], TICKET_REPLY)
    ticket["status"] = "Answered" if admin else "Customer-Reply"
    return {}


def add_ticket_note(books, form):
    _say(books, _ticket(books, form), form, "notes", "API Admin")
    return {}


def update_ticket(books, form):
    ticket = books.ticket(form.get("ticketid", ""))
    if ticket is None:
        raise Refused("Ticket ID Not Found")
    ticket.update({name: form[name] for name in ("status", "priority", "subject") if name in form})
    return {"ticketid": ticket["id"]}


def get_ticket(books, form):
    ticket = books.ticket(form.get("ticketid", ""))
    if ticket is None:
        raise Refused("Ticket ID not found")
    lists = {"replies": ("reply", ticket["replies"]), "notes": ("note", ticket["notes"])}
    wrapped = {outer: {inner: rows} if rows else "" for outer, (inner, rows) in lists.items()}
    return {**ticket, "ticketid": ticket["id"], **wrapped}


def get_tickets(books, form):
    rows = [ticket for ticket in books.tickets if form.get("clientid", ticket["userid"]) == ticket["userid"]]
    rows = [ticket for ticket in rows if form.get("subject", "").lower() in ticket["subject"].lower()]
    if form.get("ignore_dept_assignments", "").lower() not in _TRUE:
        # The API's administrator is a member of no department
        rows = []
    short = [{name: value for name, value in row.items() if name not in ("replies", "notes")} for row in rows]
    return _page(short, form, "tickets", "ticket", whole=str(len(rows)))


def get_support_departments(books, form):
    rows = [{"id": number, "name": name, "awaitingreply": "0"} for number, name in books.departments.items()]
    if form.get("ignore_dept_assignments", "").lower() not in _TRUE:
        rows = []
    return {"totalresults": str(len(rows)), "departments": {"department": rows}}


def get_admin_users(books, _form):
    rows = [{"id": number, "username": name, "isDisabled": 0} for number, name in enumerate(books.admins, 1)]
    return {"count": len(rows), "admin_users": rows}


def whmcs_details(_books, _form):
    return {"whmcs": {"version": "8.11.2", "canonicalversion": "8.11.2-release.1"}}


def log_activity(books, form):
    if not form.get("description"):
        raise Refused("A description is required")
    books.log(form["description"], form.get("clientid", ""))
    return {}


def _page(rows, form, outer, inner, whole):
    start, size = int(form.get("limitstart", "0")), int(form.get("limitnum", "25"))
    page = rows[start : start + size]
    return {"totalresults": whole, "startnumber": start, "numreturned": len(page), outer: {inner: page} if page else ""}


ACTIONS = {
    "SendEmail": send_email,
    "GetEmails": get_emails,
    "GetClientsDetails": get_clients_details,
    "GetClientsProducts": get_clients_products,
    "OpenTicket": open_ticket,
    "AddTicketReply": add_ticket_reply,
    "AddTicketNote": add_ticket_note,
    "UpdateTicket": update_ticket,
    "GetTicket": get_ticket,
    "GetTickets": get_tickets,
    "GetSupportDepartments": get_support_departments,
    "GetAdminUsers": get_admin_users,
    "WhmcsDetails": whmcs_details,
    "LogActivity": log_activity,
}
#: Actions whose documented answer has no `result`.
UNMARKED = ("GetAdminUsers",)
#: Actions that change something.
CHANGES = ("SendEmail", "OpenTicket", "AddTicketReply", "AddTicketNote", "UpdateTicket", "LogActivity")
