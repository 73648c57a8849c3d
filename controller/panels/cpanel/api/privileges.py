"""What the token may do, as `myprivs` tells it."""

from __future__ import annotations

from dataclasses import dataclass

from controller.panels.cpanel.api.answers import Answer, is_on, rows
from controller.panels.cpanel.api.whm import Whm
from shared.errors import ShoplaunchError


@dataclass(frozen=True)
class Privilege:
    """One privilege of WHM and what we need it for; a server cannot be used without an `essential` one."""

    name: str
    purpose: str
    essential: bool = True


WANTED = (
    Privilege("cpanel-api", "databases, files and cron of the accounts"),
    Privilege("acct-summary", "seeing one account"),
    Privilege("list-accts", "`skeleton sweep`", essential=False),
    Privilege("create-acct", "orders that make an account", essential=False),
)
#: Lets its holder out of every other limit of the token.
NEVER = "create-user-session"


def granted(answer: Answer) -> set[str]:
    """Return the privileges the answer of `myprivs` grants; they come as 1 and "1", refusals as 0, "" or not at all."""
    found = rows(answer.data, "privileges")
    return {name for one in found for name, value in one.items() if is_on(value)}


def has(held: set[str], name: str) -> bool:
    """Tell whether `name` is among them; root has all."""
    return name in held or "all" in held


def lacks(answer: Answer, name: str) -> bool:
    """Tell whether the answer of `myprivs` says that `name` is not granted; False when it says nothing."""
    held = granted(answer) if answer.ok else set()
    return bool(held) and not has(held, name)


def require(whm: Whm, name: str, words: str) -> None:
    """Raise privilege_missing when the token is known not to have `name`; `words` is what the panel refused with."""
    if lacks(whm.call("myprivs", look=True), name):
        raise ShoplaunchError("privilege_missing", f"the token of {whm.user} lacks {name}; {words}")
