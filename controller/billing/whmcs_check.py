"""What WHMCS lets us do, found out without changing anything: calls that lack what they need are refused by name."""

from __future__ import annotations

from collections.abc import Iterator

from controller.billing.whmcs_api import WhmcsApi, WhmcsError, items
from controller.billing.whmcs_settings import WhmcsSettings
from shared.errors import ShoplaunchError, advice

#: Every action the driver uses. Without parameters each is refused for what is missing, if it is allowed at all.
ACTIONS = (
    "GetClientsDetails", "GetClientsProducts", "GetEmails", "GetTickets", "GetTicket", "OpenTicket", "AddTicketReply",
    "AddTicketNote", "SendEmail",
)  # fmt: skip

Row = tuple[str, bool, str, str]


def look(settings: WhmcsSettings) -> Iterator[Row]:
    """Yield (name, fine, message, advice) of everything that was looked at. Raises ShoplaunchError `config_invalid`."""
    api = WhmcsApi(settings)
    try:
        details = api.call("WhmcsDetails").get("whmcs")
        version = str(details.get("version")) if isinstance(details, dict) else "of unknown version"
        yield "", True, f"WHMCS {version} answers", ""
    except WhmcsError as error:
        yield "", False, str(error), advice("whmcs_error")
    except ShoplaunchError as error:
        # An action that is not allowed is a lesser matter than a door that is closed
        yield "", False, error.message, advice(error.code)
        if "invalid permissions" not in error.message.lower():
            return
    missing = [action for action in ACTIONS if not _may(api, action)]
    yield (
        "actions",
        not missing,
        f"not allowed: {', '.join(missing)}" if missing else "all allowed",
        ("Give the API role of the credential these actions." if missing else ""),
    )
    yield from _department(api, settings)


def _may(api: WhmcsApi, action: str) -> bool:
    try:
        # Of no service: nobody's data travels for this
        api.call(action, limitnum=1, serviceid=0)
    except WhmcsError:
        return True
    except ShoplaunchError:
        return False
    return True


def _department(api: WhmcsApi, settings: WhmcsSettings) -> Iterator[Row]:
    try:
        rows = list(
            items(api.call("GetSupportDepartments", ignore_dept_assignments="true"), "departments", "department")
        )
    except (WhmcsError, ShoplaunchError) as error:
        yield "department", False, f"cannot be looked up: {error}", "Allow GetSupportDepartments to check it."
        return
    names = {str(row.get("id")): str(row.get("name")) for row in rows}
    found = names.get(str(settings.department))
    known = ", ".join(f"{number} {name}" for number, name in names.items()) or "none"
    message = found if found is not None else f"there is no department {settings.department}; there are: {known}"
    yield "department", found is not None, message, "" if found is not None else "Correct [whmcs] department."
