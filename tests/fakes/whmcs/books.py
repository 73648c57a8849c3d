"""What a WHMCS knows: clients, services, templates, and the mails, tickets and notes that calls leave as rows."""

import itertools
import re
import threading
from dataclasses import dataclass, field

_FIELD = re.compile(r"\{\$(\w+)\}")
TICKET_OPENED, TICKET_REPLY = "Support Ticket Opened by Admin", "Support Ticket Reply"


class Refused(Exception):
    """An action's error; its text is WHMCS's."""


@dataclass
class Template:
    """A mail template of type product."""

    subject: str
    message: str
    disabled: bool = False


def standard_templates():
    """Return the addon's templates, short."""
    body = "{$client_first_name}: {$shop_domain} {$shop_status_url}"
    names = ("url", "admin_url", "login", "password_link", "password", "name_servers")
    ready = " ".join([body, *(f"{{$shop_{name}}}" for name in names)])
    return {
        "Shoplaunch: request received": Template("Received: {$shop_domain}", body),
        "Shoplaunch: shop ready": Template("Ready: {$shop_domain}", ready),
        "Shoplaunch: shop delayed": Template("Delayed: {$shop_domain}", body),
    }


@dataclass
class Books:
    """Rows; every list is in the order in which things happened."""

    clients: dict = field(default_factory=dict)
    services: dict = field(default_factory=dict)
    templates: dict = field(default_factory=standard_templates)
    departments: dict = field(default_factory=lambda: {"2": "Support"})
    admins: tuple = ("support",)
    mails: list = field(default_factory=list)
    tickets: list = field(default_factory=list)
    activity: list = field(default_factory=list)
    #: Names of templates whose sending a hook aborts.
    aborted: set = field(default_factory=set)
    #: The order of a client's mails is not documented.
    lists_oldest_first: bool = False
    _numbers: itertools.count = field(default_factory=lambda: itertools.count(1))
    guard: threading.RLock = field(default_factory=threading.RLock)

    def add_client(self, number="5", **details):
        """There is this client."""
        wishes = dict.fromkeys(("general", "invoice", "support", "product", "domain", "affiliate"), "1")
        self.clients[number] = {
            "id": number, "firstname": "Nora", "lastname": "Karimi", "fullname": "Nora Karimi",
            "email": "nora@example.com", "country": "IR", "language": "", "status": "Active",
            "email_preferences": {**wishes, **details.pop("email_preferences", {})}, **details,
        }  # fmt: skip

    def add_service(self, number, client="5", **details):
        """The client has this service."""
        self.services[number] = {
            "id": number, "clientid": client, "orderid": "77", "pid": "3", "domain": f"shop{number}.example.com",
            "status": "Active", "username": f"a{number}", "password": "account-secret", **details,
        }  # fmt: skip

    def number(self):
        """Return the next number, a text as WHMCS gives them."""
        return str(next(self._numbers))

    def ticket(self, number):
        """Return the ticket, None when there is none."""
        return next((ticket for ticket in self.tickets if ticket["id"] == number), None)

    def send(self, name, number, values):
        """Send a templated mail about a service. Raises Refused."""
        template = self.templates.get(name)
        if template is None:
            raise Refused("Email Template not found")
        if template.disabled:
            raise Refused("Email Template is disabled")
        service = self.services.get(number)
        if service is None or name in self.aborted:
            raise Refused("Sending Failed. Please see documentation.")
        client = self.clients[service["clientid"]]
        message = self.rendered(template.message, client, values)
        self.mail(client, self.rendered(template.subject, client, values), message)

    def client_of(self, form):
        """Return the number of the client a call is about, "" when it is about none."""
        if form.get("ticketid"):
            return (self.ticket(form["ticketid"]) or {}).get("userid", "")
        service = form.get("serviceid") or (form.get("id") if form.get("action") == "SendEmail" else "")
        return form.get("clientid") or (self.services.get(service) or {}).get("clientid", "")

    def rendered(self, text, client, values):
        """Return a template's text with its merge fields filled; unknown ones are empty, as Smarty leaves them."""
        known = {"client_first_name": client["firstname"], "client_name": client["fullname"], **values}
        return _FIELD.sub(lambda found: str(known.get(found[1], "")), text)

    def mail_of_ticket(self, ticket, client, template, message):
        """WHMCS tells the client what was said in a ticket; `template` is the mail's name."""
        self.mail(client, f"[Ticket ID: {ticket['tid']}] {ticket['subject']}", message)

    def mail(self, client, subject, message):
        """A mail to the client was sent."""
        row = {"id": self.number(), "userid": client["id"], "subject": subject, "message": message}
        self.mails.append(row | {"date": "2026-06-01 10:00:00"} | addressed(client))

    def mails_of(self, client):
        """Return the mails a client got, oldest first."""
        return [mail for mail in self.mails if mail["userid"] == client["id"]]

    def log(self, description, client):
        """A line in the activity log."""
        self.activity.append((client, description))


def addressed(client):
    """Return whom a mail went to, as GetEmails says it."""
    return {"to": f"{client['fullname']} <{client['email']}>", "cc": "", "bcc": ""}
