"""What must have come of an order: everything once, the client notified in its language, nothing of the agent left."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.worlds.chain import Sold

RECEIVED, READY, DELAYED = "Shoplaunch: request received", "Shoplaunch: shop ready", "Shoplaunch: shop delayed"
WELCOME = "Hosting Account Welcome Email"
#: Shops that are built side by side.
AT_ONCE = 8
_PERSIAN = re.compile("[\u0600-\u06ff]")


def assert_prepared_once(chain, sold):
    """While the agent is waited for there is one database, one user and one cron line."""
    account = sold.server.whm.account(sold.account)
    assert (len(account.databases), len(account.database_users)) == (1, 1)
    assert len(chain.cron_lines(sold)) == 1


def assert_everything_is_there_once(chain, sold, status):
    """The shop lives in one database; the client has one ticket and one mail of each kind; the account is tidy."""
    account = sold.server.whm.account(sold.account)
    assert status["state"] == "live"
    assert (len(account.databases), len(account.database_users)) == (1, 1)
    assert_notified_once(chain, sold)
    assert [ticket["notes"] for ticket in chain.tickets(sold)] == [[]], "staff was alarmed"
    assert_nothing_of_ours_stays(chain, sold)


def assert_notified_once(chain, sold, delayed=0):
    """The client has each mail once, in the client's language, and one ticket with the shop's details."""
    assert [len(chain.mails(sold, name)) for name in (RECEIVED, READY, DELAYED)] == [1, 1, delayed]
    for mail in chain.mails(sold):
        if mail["name"] != WELCOME:
            assert_language(sold, mail["subject"])
            assert_language(sold, mail["message"])
    (ticket,) = chain.tickets(sold)
    # The message it was opened with, and the shop's details
    assert len(ticket["replies"]) == 2
    for text in (ticket["subject"], *(reply["message"] for reply in ticket["replies"])):
        assert_language(sold, text)


def assert_language(sold, text):
    """The text is Persian for a Persian client, and else holds nothing Persian."""
    letters = len(_PERSIAN.findall(text))
    assert letters >= 10 if sold.language == "fa" else letters == 0, text


def assert_nothing_of_ours_stays(chain, sold):
    """The account has no folder, no cron line and no table of the agent."""
    account = sold.server.whm.account(sold.account)
    assert not (Path(account.home) / ".shoplaunch").exists()
    assert chain.cron_lines(sold) == []
    (database,) = account.databases
    query = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND table_name LIKE %s"
    assert sold.server.whm.engine.sql(query, database, "%shoplaunch%") == ()


def build(chain, sold):
    """Return the shop's status once it lives; nobody waits for cron, and on the way everything is there once."""
    (built,) = build_together(chain, [lambda: sold])
    return built.status_or_raise()


@dataclass
class Built:
    """What became of an order: the living shop's status, or what went wrong."""

    sell: Callable
    sold: Sold = None
    job: dict = None
    agent: subprocess.Popen = None
    status: dict = None
    problem: Exception = None

    def status_or_raise(self):
        """Return the status. Raises what went wrong."""
        if self.problem is not None:
            raise self.problem
        return self.status

    def step(self, act):
        """Do `act(self)` unless something went wrong before."""
        if self.problem is None:
            try:
                act(self)
            except (AssertionError, OSError, subprocess.SubprocessError) as problem:
                self.problem = problem


def build_together(chain, sales):
    """Build the shops that `sales` sell side by side, a few at a time; nobody waits for cron. Return what became of
    each, in order."""
    found = [Built(sell) for sell in sales]

    def begin(built):
        built.sold = built.sell()
        built.job = chain.job(built.sold)

    def start(built):
        chain.dropped(built.job)
        assert_prepared_once(chain, built.sold)
        built.agent = chain.start_agent(built.sold)

    def finish(built):
        chain.left(built.sold, built.agent)

    def tell(built):
        built.status = chain.whole.live(built.job)

    for first in range(0, len(found), AT_ONCE):
        for act in (begin, start, finish):
            for built in found[first : first + AT_ONCE]:
                built.step(act)
    for built in found:
        built.step(tell)
    return found
