"""Books that are the database of the WHMCS the addon runs in: the API's clients, services and mails are the addon's."""

import json
from collections.abc import Mapping

from tests.fakes.whmcs.books import Books, Refused, addressed

WISHES = ("general", "invoice", "support", "product", "domain", "affiliate")


class Installation(Books):
    """Books of the installation `addon` (tests.fakes.whmcs_php.harness.Whmcs); tickets are kept here."""

    def __init__(self, addon):
        super().__init__(
            clients=Rows(addon, "tblclients", _client), services=Rows(addon, "tblhosting", _service), templates={}
        )
        self._addon = addon

    def send(self, name, number, values):
        """Send a templated mail about a service: hooks, template and language are the installation's."""
        answer = self._do("api_mail", name=name, relid=int(number) if number.isdigit() else 0, fields=values)
        if answer["result"] != "success":
            raise Refused(answer["message"])

    def mail_of_ticket(self, ticket, client, template, message):
        """WHMCS tells the client what was said in a ticket, unless a hook stops it."""
        subject = f"[Ticket ID: {ticket['tid']}] {ticket['subject']}"
        self._do("ticket_mail", mail=[template, int(ticket["id"]), int(client["id"]), subject, message])

    def mails_of(self, client):
        """Return the mails a client got, from any sender."""
        rows = self._addon.rows("double_mails", userid=client["id"])
        return [{name: str(value) for name, value in row.items()} | addressed(client) for row in rows]

    def log(self, description, client):
        """A line in the activity log."""
        self._addon.insert("double_log", message=description, client_id=client or 0)

    def _do(self, what, **asked):
        return self._addon.do(what, session={"api": True}, area="api", **asked)


class Rows(Mapping):
    """A table's rows by their number, a text, as the API shows them."""

    def __init__(self, addon, table, shown):
        self._addon, self._table, self._shown = addon, table, shown

    def __getitem__(self, number):
        rows = self._addon.rows(self._table, id=number) if str(number).isdigit() else []
        if not rows:
            raise KeyError(number)
        return self._shown(rows[0])

    def __iter__(self):
        return (str(row["id"]) for row in self._addon.rows(self._table))

    def __len__(self):
        return len(self._addon.rows(self._table))


def _client(row):
    return {
        "id": str(row["id"]), "firstname": row["firstname"], "lastname": row["lastname"],
        "fullname": f"{row['firstname']} {row['lastname']}", "email": row["email"], "country": row["country"],
        "language": row["language"], "status": row["status"],
        "email_preferences": {**dict.fromkeys(WISHES, "1"), **json.loads(row["email_preferences"] or "{}")},
    }  # fmt: skip


def _service(row):
    return {
        "id": str(row["id"]), "clientid": str(row["userid"]), "orderid": str(row["orderid"]),
        "pid": str(row["packageid"]), "domain": row["domain"], "status": row["domainstatus"],
        "username": row["username"], "password": "account-secret",
    }  # fmt: skip
