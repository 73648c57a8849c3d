"""The client of a service in WHMCS."""

from __future__ import annotations

from dataclasses import dataclass

from controller.billing import texts
from controller.billing.base import About
from controller.billing.whmcs.answers import is_off, items
from controller.billing.whmcs.api import WhmcsApi
from shared.errors import ShoplaunchError


@dataclass(frozen=True)
class Client:
    """What WHMCS knows of a client. `no_mail` when the client opted out of mails about products."""

    id: str
    language: str
    no_mail: bool
    first_name: str


def client_of(api: WhmcsApi, about: About) -> Client:
    """Return the client of the service `about`. Raises ShoplaunchError `whmcs_*`."""
    number = about.client_id or _owner(api, about)
    answer = api.ask("GetClientsDetails", clientid=number, stats=0)
    details = answer.get("client")
    found = details if isinstance(details, dict) else answer
    preferences = found.get("email_preferences")
    return Client(
        id=number,
        language=texts.client_language(str(found.get("language") or ""), about.language),
        no_mail=isinstance(preferences, dict) and "product" in preferences and is_off(preferences["product"]),
        first_name=about.first_name or str(found.get("firstname") or "") or about.domain,
    )


def _owner(api: WhmcsApi, about: About) -> str:
    """Return the owner of the service, where billing's event did not name it."""
    answer = api.ask("GetClientsProducts", serviceid=about.service_id)
    for row in items(answer, "products", "product"):
        owner = str(row.get("clientid") or row.get("userid") or "")
        if owner and str(row.get("id")) == about.service_id:
            return owner
    raise ShoplaunchError("whmcs_error", f"GetClientsProducts: there is no service {about.service_id}")
