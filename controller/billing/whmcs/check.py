"""Check our permissions in WHMCS without changing anything: calls that lack a parameter are refused by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from controller.billing.whmcs.answers import items
from controller.billing.whmcs.api import WhmcsApi, WhmcsError
from controller.billing.whmcs.settings import WhmcsSettings
from shared.errors import ShoplaunchError, advice

#: Every action the driver uses. Without parameters each is refused for the missing ones, if it is allowed at all.
ACTIONS = (
    "GetClientsDetails", "GetClientsProducts", "GetEmails", "GetTickets", "GetTicket", "OpenTicket", "AddTicketReply",
    "AddTicketNote", "SendEmail",
)  # fmt: skip

Row = tuple[str, bool, str, str]


def permissions(settings: WhmcsSettings) -> Iterator[Row]:
    """Yield (name, fine, message, advice) for each check. Raises ShoplaunchError `config_invalid`."""
    api = WhmcsApi(settings)
    try:
        details = api.call("WhmcsDetails").get("whmcs")
        version = str(details.get("version")) if isinstance(details, dict) else "of unknown version"
        yield "", True, f"WHMCS {version} answers", ""
    except WhmcsError as error:
        yield "", False, str(error), advice("whmcs_error")
    except ShoplaunchError as error:
        # A forbidden action matters less than a refused login
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
    yield _one_of(
        "department",
        str(settings.department),
        lambda: {str(row.get("id")): str(row.get("name")) for row in _departments(api)},
        "GetSupportDepartments",
    )
    yield _one_of("admin", settings.admin, lambda: {name: name for name in _admins(api)}, "GetAdminUsers")


def _may(api: WhmcsApi, action: str) -> bool:
    try:
        # Of no service: no client's data is sent for this
        api.call(action, limitnum=1, serviceid=0)
    except WhmcsError:
        return True
    except ShoplaunchError:
        return False
    return True


def _one_of(name: str, wanted: str, look: Callable[[], dict[str, str]], action: str) -> Row:
    """Return whether WHMCS knows the value of `name` in [whmcs]: `look` returns possible values -> their labels."""
    try:
        known = look()
    except (WhmcsError, ShoplaunchError) as error:
        return name, False, f"cannot be looked up: {error}", f"Allow {action} to check it."
    if wanted in known:
        return name, True, known[wanted], ""
    names = ", ".join(f"{key} {known[key]}" if key != known[key] else key for key in known) or "none"
    return name, False, f"there is no {name} {wanted}; there are: {names}", f"Correct [whmcs] {name}."


def _departments(api: WhmcsApi) -> Iterator[dict[str, object]]:
    return items(api.call("GetSupportDepartments", ignore_dept_assignments="true"), "departments", "department")


def _admins(api: WhmcsApi) -> Iterator[str]:
    return (str(row.get("username")) for row in items(api.call("GetAdminUsers"), "admin_users", "admin_user"))
