"""The token's privileges, as reported by `myprivs`."""

from __future__ import annotations

from dataclasses import dataclass

from controller.panels.cpanel.api.answers import Answer, is_on, rows
from controller.panels.cpanel.api.whm import Whm
from shared.errors import ShoplaunchError


@dataclass(frozen=True)
class Privilege:
    """One privilege of WHM and what Shoplaunch needs it for; a server cannot be used without an `essential` one."""

    name: str
    purpose: str
    essential: bool = True


WANTED = (
    Privilege("cpanel-api", "databases, files and cron of the accounts"),
    Privilege("acct-summary", "seeing one account"),
    Privilege("list-accts", "`skeleton sweep`", essential=False),
    Privilege("create-acct", "orders that make an account", essential=False),
)
#: Bypasses every other limit of the token.
NEVER = "create-user-session"


def granted(answer: Answer) -> set[str]:
    """Return the privileges granted in the answer of `myprivs`: as 1 or "1"; refused ones are 0, "" or missing."""
    found = rows(answer.data, "privileges")
    return {name for one in found for name, value in one.items() if is_on(value)}


def has(held: set[str], name: str) -> bool:
    """Return whether `name` is among them; root has all."""
    return name in held or "all" in held


def lacks(answer: Answer, name: str) -> bool:
    """Return whether the answer of `myprivs` denies `name`; False when it says nothing."""
    held = granted(answer) if answer.ok else set()
    return bool(held) and not has(held, name)


def require(whm: Whm, name: str, words: str) -> None:
    """Raise privilege_missing when the token is known not to have `name`; `words` is the panel's message."""
    if lacks(whm.call("myprivs", read_only=True), name):
        raise ShoplaunchError("privilege_missing", f"the token of {whm.user} lacks {name}; {words}")
