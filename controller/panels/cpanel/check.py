"""What a cPanel server lets us do, row by row, without changing anything; a login that works unlocks the server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from controller.panels.base import Check
from controller.panels.cpanel import privileges
from controller.panels.cpanel.answers import Answer, is_on, rows
from controller.panels.cpanel.cron import Crontab
from controller.panels.cpanel.looks import Looks, side_by_side
from shared.errors import ShoplaunchError, advice

if TYPE_CHECKING:
    from controller.panels.cpanel.driver import CpanelPanel

_FEATURES = (("cron", "cron"), ("mysql", "databases"), ("multiphp", "php"), ("autossl", "autossl"))
_USER = re.compile(r"[a-z][a-z0-9_]{0,30}\Z")
#: What is seen of one account stands for all: each may be in a package of its own.
_LOOKS = ("features", "restrictions", "server", "crontab", "installed_php")


def check_server(panel: CpanelPanel) -> list[Check]:
    """Return one row for each thing a shop needs of the server."""
    try:
        answer = panel.whm.probe()
    except ShoplaunchError as error:
        return [Check("login", False, error.message, advice(error.code))]
    found = [Check("login", True, f"works as {panel.whm.user}"), *_privileges(panel, answer)]
    found += _sample(panel)
    return [*found, _interval(panel), _skeleton(panel)]


def _privileges(panel: CpanelPanel, answer: Answer) -> Iterator[Check]:
    held = privileges.granted(answer)
    if not answer.ok:
        yield Check(
            "privileges", False, answer.text or "not told", "Nothing to do when the rows below are well.", False
        )
        return
    for wanted in privileges.WANTED:
        has = privileges.has(held, wanted.name)
        message = f"{wanted.purpose}: {'granted' if has else 'not granted'}"
        what = f"Give the token the privilege `{wanted.name}`" + ("." if wanted.essential else ", if you need that.")
        yield Check(f"privilege {wanted.name}", has, message, "" if has else what, wanted.essential)
    whole, danger = "all" in held, privileges.NEVER in held
    if whole or danger:
        named = "everything (`all`)" if whole else f"`{privileges.NEVER}`"
        message = f"the token may do {named}, and so get round each of its limits"
        what = f"Make a token without `all` and without `{privileges.NEVER}`: only what the rows above name."
        yield Check("token", False, message, what, essential=False)
    else:
        yield Check("token", True, f"cannot open sessions of accounts (no `{privileges.NEVER}`)", essential=False)


def _sample(panel: CpanelPanel) -> Iterator[Check]:
    """Look at the server as one of its accounts sees it."""
    user = _any_account(panel)
    if user is None:
        message = "no account to look at: features, databases, cron and PHP cannot be told yet"
        yield Check("account", False, message, "Make an account, then check again.", essential=False)
        return
    looks = Looks(panel.whm, user)
    answers = dict(zip(_LOOKS, side_by_side([lambda key=key: looks.see(key) for key in _LOOKS]), strict=True))  # type: ignore[misc]
    yield from _features(user, answers["features"])
    yield _databases(user, answers["restrictions"], answers["server"])
    yield _cron(user, answers["crontab"])
    yield _php(user, answers["installed_php"])


def _any_account(panel: CpanelPanel) -> str | None:
    """Return an account that is not suspended, the token's own last: it may be in no package."""
    answer = panel.whm.call("listaccts", look=True)
    listed = rows(answer.data, "acct") if answer.ok else []
    names = [str(row.get("user")) for row in listed if not is_on(row.get("suspended"))]
    names = [name for name in names if _USER.match(name)]
    if not names and panel.whm.user != "root":
        names = [panel.whm.user]
    return min(names, key=lambda name: (name == panel.whm.user, name), default=None)


def _features(user: str, answer: Answer) -> Iterator[Check]:
    known: dict[str, Any] = answer.data if answer.ok and isinstance(answer.data, dict) else {}
    if not known:
        yield Check("features", False, f"not told for {user}: {answer.text}", "See the rows below.", essential=False)
    for feature, name in _FEATURES:
        if feature not in known:
            continue
        on = is_on(known[feature])
        message = f"{user} {'may' if on else 'may not'} use it"
        what = "" if on else f"Switch the feature `{feature}` on in the feature list of the packages that get shops."
        yield Check(f"feature {name}", on, message, what, essential=False)


def _databases(user: str, restrictions: Answer, server: Answer) -> Check:
    if not restrictions.ok:
        return Check("databases", False, f"{user}: {restrictions.text}", advice("feature_missing"))
    prefix = (restrictions.data or {}).get("prefix")
    told = server.data if server.ok and isinstance(server.data, dict) else {}
    where = f"{told.get('version') or 'unknown version'} at {told.get('host') or '?'}"
    return Check("databases", True, f"{where}; names begin with {prefix or 'anything'}")


def _cron(user: str, answer: Answer) -> Check:
    if not answer.ok:
        return Check("cron", False, f"{user}: {answer.text}", advice("feature_missing"))
    return Check("cron", True, f"the crontab of {user} can be read ({len(Crontab.read(answer))} lines)")


def _php(user: str, answer: Answer) -> Check:
    listed = (answer.data or {}).get("versions") if isinstance(answer.data, dict) else answer.data
    if not answer.ok or not listed:
        message = f"{user} cannot choose it: {answer.text or 'no version is offered'}"
        return Check("php", False, message, advice("feature_missing"))
    return Check("php", True, ", ".join(sorted(map(str, listed), reverse=True)))


def _interval(panel: CpanelPanel) -> Check:
    minutes = panel.settings.cron_minutes
    message = f"every {minutes} min, by the setting cron_minutes; what the host makes of a line is read back each time"
    return Check("cron interval", True, message, essential=False)


def _skeleton(panel: CpanelPanel) -> Check:
    try:
        status = panel.skeleton_status()
    except ShoplaunchError as error:
        return Check("skeleton", False, error.message, advice(error.code), essential=False)
    whose = panel.settings.skeleton
    if status.agent_sha256 is None:
        what = "Optional: `shoplaunch skeleton install` lets new accounts be born with the agent."
        return Check("skeleton", False, f"{whose}: no agent in it", what, essential=False)
    bundle = f", bundle of {status.bundle_bytes} bytes" if status.bundle_bytes else ""
    return Check("skeleton", True, f"{whose}: agent {status.agent_sha256[:12]}{bundle}", essential=False)
