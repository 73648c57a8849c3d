"""The hosting plans of a cPanel server: how many accounts each has, and whether it sells shops."""

from __future__ import annotations

from collections import Counter

from controller.panels.base import Package
from controller.panels.cpanel.api.answers import rows, unlimited
from controller.panels.cpanel.api.whm import Whm
from shared.errors import ShoplaunchError

MEGABYTE = 1024 * 1024


def packages(whm: Whm, plan: str) -> list[Package]:
    """Return the plans that the login may use, by name; `plan` is the one for new shops, "" for any.

    A plan without databases sells no shops. Raises panel_refused.
    """
    answer, accounts = whm.call("listpkgs", read_only=True, want="all"), whm.call("listaccts", read_only=True)
    for found in (answer, accounts):
        if not found.ok:
            raise ShoplaunchError("panel_refused", f"the list of packages and their accounts: {found.text}")
    counts = Counter(str(one.get("plan") or "") for one in rows(accounts.data, "acct"))
    listed = [_package(row, counts, (plan, f"{whm.user}_{plan}")) for row in rows(answer.data, "pkg")]
    return sorted(listed, key=lambda one: one.name)


def _package(row: dict[str, object], counts: Counter[str], plans: tuple[str, str]) -> Package:
    name = str(row.get("name") or "")
    wanted = not plans[0] or name in plans
    quota = _number(row.get("QUOTA"))
    return Package(
        name=name,
        accounts=counts[name],
        quota_bytes=quota * MEGABYTE if quota else None,
        sells_shops=wanted and _number(row.get("MAXSQL")) != 0,
    )


def _number(value: object) -> int | None:
    """Return a limit, None for no limit or one that is no number."""
    try:
        return None if unlimited(value) else int(float(str(value)))
    except (ValueError, OverflowError):
        return None
