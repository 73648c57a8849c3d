"""The result of starting an agent at once: the way, or why not; cron starts it in any case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

#: How an agent was started: by the panel as the account, through the server's SSH, by the site's own PHP.
ACCOUNT, SSH, WEB = "account", "ssh", "web"
WAYS = (ACCOUNT, SSH, WEB)

#: Why nothing was started, in words for operators.
REASONS: Mapping[str, str] = {
    "not_offered": "this panel has no way to start anything at once",
    "switched_off": "the server is set to leave the start to cron",
    "php_not_the_account": "PHP does not run as the account",
    "functions_disabled": "PHP may not start programs there",
    "not_written": "the starter could not be written into the document root",
    "refused_by_site": "the site refused the request, possibly by its own rules",
    "refused_by_firewall": "a firewall before the sites refused the request",
    "redirected": "the site sends everybody somewhere else",
    "overtaken": "the agent had started before the request",
    "no_answer": "the site did not answer yet",
    "wrong_answer": "something other than the starter answered",
    "vanished": "the starter was gone before the request",
    "emptied": "the starter was emptied or changed before the request",
    "closed": "the starter was closed to everybody before the request",
    "took_too_long": "it exceeded its time limit",
    "account_closed": "the account may not start programs",
    "home_closed": "the account's home cannot be entered",
    "unheard": "an agent was started at once, and sent no report",
    "limited": "an agent was started at once, and its limits were too small",
    "limits": "the account's limits leave no room for another process",
    "failed": "it failed; the controller's log says how",
}

#: Reasons that hold for every account of a server, and how many accounts in a row have to meet one until no start is
#: tried there for a month, unless the operator changes it. One account may have rules that look like the server's.
OF_THE_SERVER: Mapping[str, int] = {
    "php_not_the_account": 1, "functions_disabled": 1, "vanished": 1, "emptied": 1, "closed": 1,
    "refused_by_firewall": 2, "limited": 2,
}  # fmt: skip
#: After so long the knowledge about a server may be outdated.
FORGET_SECONDS = 30 * 24 * 3600.0


class Started(NamedTuple):
    """`way` is one of WAYS, "" when nothing was started; then `reason` is one of REASONS; `seconds` is the duration."""

    way: str = ""
    reason: str = ""
    seconds: float = 0.0


class Lesson(Protocol):
    """The result of starts on a server: the way, the reason, how many accounts in a row met it, and when it last
    occurred."""

    @property
    def way(self) -> str: ...

    @property
    def reason(self) -> str: ...

    @property
    def accounts(self) -> int: ...

    @property
    def at(self) -> float: ...


def stops(learned: Lesson | None, now: float) -> str:
    """Return the reason why no agent of the server is started at once now, "" where a start is to be tried."""
    needed = None if learned is None else OF_THE_SERVER.get(learned.reason)
    if learned is None or needed is None or learned.accounts < needed:
        return ""
    return learned.reason if now - learned.at < FORGET_SECONDS else ""


NOT_OFFERED = Started(reason="not_offered")
