"""Check a cPanel server's permissions, row by row, without changing anything; a successful login unlocks the server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from controller.panels.base import Check, SkeletonStatus
from controller.panels.cpanel.account import database_door
from controller.panels.cpanel.account.cron import CRON_MARK, Crontab
from controller.panels.cpanel.account_cache import AccountCache, side_by_side
from controller.panels.cpanel.api import privileges
from controller.panels.cpanel.api.answers import Answer, is_on, rows
from controller.panels.cpanel.server import CpanelServer
from controller.panels.cpanel.skeleton.skeleton import Skeleton, open_skeleton
from shared.encoding import sha256_file
from shared.errors import ShoplaunchError, advice
from shared.job import AGENT_FILE, LAUNCHER_FILE

#: Without it shops stay without https; without any of the others there are none.
_AUTOSSL = "autossl"
_FEATURES = (
    *(("cron", "cron"), ("mysql", "databases"), ("filemanager", "files")),
    *(("multiphp", "php"), (_AUTOSSL, "autossl")),
)
_NOTHING_TO_DO = "Nothing to do when the rows below are ok."
_USER = re.compile(r"[a-z][a-z0-9_]{0,30}\Z")
_QUERIES = ("features", "restrictions", "server", "home", "crontab", "installed_php", "autossl")
#: Packages differ in what they allow: one account of each is checked, up to so many.
PACKAGES = 8


def check_server(panel: CpanelServer) -> list[Check]:
    """Return one row for each requirement of a shop."""
    try:
        answer = panel.whm.probe()
    except ShoplaunchError as error:
        return [Check("login", False, error.message, advice(error.code))]
    found = [Check("login", True, f"works as {panel.whm.user}"), *_privileges(panel, answer)]
    found += _accounts(panel, answer)
    return [*found, _skeleton(panel)]


def _privileges(panel: CpanelServer, answer: Answer) -> Iterator[Check]:
    held = privileges.granted(answer)
    if not answer.ok:
        yield Check(
            *("privileges", False, answer.text or "not reported", _NOTHING_TO_DO),
            essential=False, optional=True,
        )  # fmt: skip
        return
    for wanted in privileges.WANTED:
        has = privileges.has(held, wanted.name)
        message = f"{wanted.purpose}: {'granted' if has else 'not granted'}"
        what = f"Give the token the privilege `{wanted.name}`" + ("." if wanted.essential else ", if you need that.")
        yield Check(
            *(f"privilege {wanted.name}", has, message, "" if has else what),
            essential=wanted.essential, optional=not wanted.essential,
        )  # fmt: skip
    whole, danger = "all" in held, privileges.NEVER in held
    if whole or danger:
        named = "everything (`all`)" if whole else f"`{privileges.NEVER}`"
        message = f"the token may do {named}, and so get round each of its limits"
        what = f"Make a token without `all` and without `{privileges.NEVER}`: only what the rows above name."
        yield Check("token", False, message, what, essential=False)
    else:
        yield Check("token", True, f"cannot open sessions of accounts (no `{privileges.NEVER}`)", essential=False)


def _accounts(panel: CpanelServer, granted: Answer) -> Iterator[Check]:
    """Check the server as one of its accounts sees it, and what each package allows."""
    listing = panel.whm.call("listaccts", read_only=True)
    sample = _samples(panel, listing)
    if not sample:
        yield _no_account(listing, granted)
        yield _interval(panel, None)
        return
    (user, plan), *others = sample
    cache = AccountCache(panel.whm, user)
    ways = [partial(cache.see, key) for key in _QUERIES]
    seen = side_by_side([*ways, *(partial(AccountCache(panel.whm, name).see, "features") for name, _ in others)])
    answers = dict(zip(_QUERIES, seen, strict=False))
    reported = {plan: answers["features"], **dict(zip((one for _, one in others), seen[len(_QUERIES) :], strict=True))}
    yield from _features(reported, are_shops=set(reported) <= _of_shops(panel))
    yield _databases(user, answers["restrictions"], answers["server"])
    yield database_door.check(panel.settings, answers["server"])
    yield _files(user, answers["home"])
    yield _cron(user, answers["crontab"])
    yield _interval(panel, answers["crontab"])
    yield _php(user, answers["installed_php"])
    yield _autossl(user, answers["autossl"])


def _no_account(listing: Answer, granted: Answer) -> Check:
    unknown = "features, databases, cron and PHP cannot be checked"
    reason = listing.text or "no reason given"
    if listing.ok:
        message, what = f"no account to look at: {unknown} yet", "Make an account, then check again."
    elif privileges.lacks(granted, "list-accts"):
        message = f"accounts may not be listed ({reason}): {unknown}"
        what = "Give the token the privilege `list-accts`, then check again."
    else:
        message = f"accounts are not listed ({reason}): {unknown}"
        what = "Fix what the server names, then check again."
    return Check("account", False, message, what, essential=False)


def _samples(panel: CpanelServer, listing: Answer) -> list[tuple[str, str]]:
    """Return (account, package) of one account of each package, none that is suspended, the token's own only when there
    is no other; where one package is set for shops, of that alone as soon as it has an account."""
    listed = rows(listing.data, "acct") if listing.ok else []
    found: dict[str, str] = {}
    for row in sorted(listed, key=lambda row: str(row.get("user"))):
        name = str(row.get("user"))
        if _USER.match(name) and name != panel.whm.user and not is_on(row.get("suspended")):
            found.setdefault(str(row.get("plan") or ""), name)
    shops = {plan: name for plan, name in found.items() if plan in _of_shops(panel)}
    if not found and panel.whm.user != "root":
        return [(panel.whm.user, "")]
    return [(name, plan) for plan, name in sorted((shops or found).items())][:PACKAGES]


def _of_shops(panel: CpanelServer) -> set[str]:
    """Return the names that the one package set for shops may have, none where none is set."""
    wanted = panel.settings.package
    return {wanted, f"{panel.whm.user}_{wanted}"} if wanted else set()


def _features(reported: dict[str, Answer], *, are_shops: bool) -> Iterator[Check]:
    """Yield one row for each feature, naming the packages that lack it or give no information on it; `are_shops`: they
    are all that get shops."""
    for feature, name in _FEATURES:
        off = [plan for plan, answer in reported.items() if _is_off(answer, feature)]
        unknown = [plan for plan, answer in reported.items() if _flags(answer).get(feature) is None]
        what = f"Switch the feature `{feature}` on in the feature list of the packages that get shops."
        if off:
            is_needed = are_shops and len(off) == len(reported) and feature != _AUTOSSL
            yield Check(f"feature {name}", False, f"off in {_named(off)}", what, essential=is_needed)
        elif unknown:
            message = f"not reported for {_named(unknown)}: {reported[unknown[0]].text or 'no such feature is listed'}"
            yield Check(f"feature {name}", False, message, _NOTHING_TO_DO, essential=False, optional=True)
        else:
            yield Check(f"feature {name}", True, f"on in {_named(list(reported))}", essential=False)


def _flags(answer: Answer) -> dict[str, object]:
    return answer.data if answer.ok and isinstance(answer.data, dict) else {}


def _is_off(answer: Answer, feature: str) -> bool:
    value = _flags(answer).get(feature)
    return value is not None and not is_on(value)


def _named(plans: list[str]) -> str:
    return "the package " + ", ".join(plans) if any(plans) else "the account's package"


def _databases(user: str, restrictions: Answer, server: Answer) -> Check:
    if not restrictions.ok:
        return Check("databases", False, f"{user}: {restrictions.text}", advice("feature_missing"))
    prefix = (restrictions.data or {}).get("prefix")
    reported = server.data if server.ok and isinstance(server.data, dict) else {}
    where = f"{reported.get('version') or 'unknown version'} at {reported.get('host') or '?'}"
    return Check("databases", True, f"{where}; names begin with {prefix or 'anything'}")


def _files(user: str, answer: Answer) -> Check:
    if not answer.ok:
        return Check("files", False, f"{user}: {answer.text}", advice("feature_missing"))
    return Check("files", True, f"the home of {user} can be read")


def _cron(user: str, answer: Answer) -> Check:
    if not answer.ok:
        return Check("cron", False, f"{user}: {answer.text}", advice("feature_missing"))
    return Check("cron", True, f"the crontab of {user} can be read ({len(Crontab.read(answer))} lines)")


def _interval(panel: CpanelServer, crontab: Answer | None) -> Check:
    """Return what the host made of our lines, as no call reports what it allows."""
    asked = f"asked for every {panel.settings.cron_minutes} min (setting cron_minutes)"
    lines = Crontab.read(crontab) if crontab is not None and crontab.ok else []
    minutes_seen = [line.minutes() for line in lines if CRON_MARK in line.command]
    seconds = panel.known.cron_seconds()
    if minutes_seen or seconds:
        minutes = max(minutes_seen) if minutes_seen else max(1, (seconds or 0) // 60)
        message = f"every {minutes} min, read back from our newest line; {asked}"
    else:
        message = f"not known before the first job; {asked}"
    return Check("cron interval", True, message, essential=False)


def _php(user: str, answer: Answer) -> Check:
    listed = (answer.data or {}).get("versions") if isinstance(answer.data, dict) else answer.data
    if not answer.ok or not listed:
        message = f"{user} cannot choose it: {answer.text or 'no version is offered'}"
        return Check("php", False, message, advice("feature_missing"))
    return Check("php", True, ", ".join(sorted(map(str, listed), reverse=True)))


def _autossl(user: str, answer: Answer) -> Check:
    if not answer.ok:
        what = "Shops stay without https until a certificate comes otherwise. Ask the host for AutoSSL."
        return Check("autossl", False, f"{user}: {answer.text or 'not available'}", what, essential=False)
    problems = [str(row.get("problem") or "") for row in rows(answer.data)]
    last = f"its last check found: {problems[0][:200]}" if any(problems) else "no problem was found by its last check"
    return Check("autossl", True, f"{user} may ask for it; {last}", essential=False)


def _skeleton(panel: CpanelServer) -> Check:
    if panel.settings.skeleton == "none":
        message = "none, by the setting skeleton: launcher and agent travel with each job"
        return Check("skeleton", True, message, essential=False)
    try:
        skeleton = open_skeleton(panel)
        status = skeleton.status()
        return _born_with(panel, skeleton, status)
    except ShoplaunchError as error:
        return Check("skeleton", False, error.message, advice(error.code), essential=False)


def _born_with(panel: CpanelServer, skeleton: Skeleton, status: SkeletonStatus) -> Check:
    what = f"`shoplaunch skeleton install {panel.whm.server}` puts the agent into every new account."
    if status.agent_sha256 is None:
        missing = "no agent in it" if skeleton.is_there() else f"there is none{skeleton.instead}"
        message = f"{skeleton.name}: {missing}"
        return Check("skeleton", False, message, f"Optional: {what}", essential=False, optional=True)
    if not _is_current(panel, status):
        message = f"{skeleton.name}: an agent of another version, {status.agent_sha256[:12]}; jobs replace it each time"
        return Check("skeleton", False, message, what, essential=False)
    bundle = f", bundle of {status.bundle_bytes} bytes" if status.bundle_bytes else ""
    return Check("skeleton", True, f"{skeleton.name}: this version's agent{bundle}", essential=False)


def _is_current(panel: CpanelServer, status: SkeletonStatus) -> bool:
    folder = panel.known.agent
    if folder is None or not (folder / AGENT_FILE).is_file():
        return True
    wanted = (sha256_file(folder / LAUNCHER_FILE), sha256_file(folder / AGENT_FILE))
    return (status.launcher_sha256, status.agent_sha256) == wanted
