"""An order ends in a living shop whatever the servers' habits and misfortunes are, and nothing is there twice."""

import dataclasses

import pytest

from tests.fakes.whm.quirks import Quirks

#: Every habit of a cPanel server but those every other is measured against, one at a time.
HABITS = {
    "straight quotes": {"quotes": "straight"},
    "guillemets": {"quotes": "guillemets"},
    "German": {"language": "de"},
    "Persian": {"language": "fa"},
    "bare reasons": {"prefixed_reasons": False},
    "texts for yes and no": {"booleans": "str"},
    "no is left out": {"booleans": "missing"},
    "numbers as texts": {"numbers": "str"},
    "packages in other words": {"packages": "wobbling"},
    "files and folders apart": {"file_lists": "dirs_files"},
    "no count of cron jobs": {"cron_count": False},
    "API 2 wrapped": {"api2_envelope": "wrapped"},
    "API 2 unwrapped": {"api2_envelope": "unwrapped"},
    "API 2 as text": {"api2_content_type": "text/plain"},
    "transformed": {"transformed": True},
    "privileges summed up": {"privileges_listed": "summary"},
    "failures of API 2 as texts": {"api2_failure": "str", "api2_refusal": "error"},
    "silent failures of API 2": {"api2_refusal": "event"},
    "prefix of sixteen": {"prefix": "sixteen"},
    "short prefix": {"prefix": "short"},
    "no prefix": {"prefix": "none"},
    "short user names": {"max_username_length": 16},
    "another home": {"home_base": "home2"},
    "root's skeleton": {"skeleton_of": "root"},
    "no execute bit": {"skeleton_keeps_execute": False},
    "closed new files": {"new_file_mode": 0o600},
    "unlink takes no folder": {"unlink_recursive": False},
    "the host's block at birth": {"php_block_at_birth": True},
    "another handler": {"php_handler": "___lsphp"},
    "a block of php.ini": {"php_ini_block": True},
    "no MAILTO": {"cron_mailto": False},
    "percent signs escaped": {"cron_escapes_percent": True},
    "cron removes by line": {"cron_remove_by": "line"},
    "slow": {"slow": {"*": 0.2}},
}
DEFAULTS = {field.name: getattr(Quirks(), field.name) for field in dataclasses.fields(Quirks)}
ACTIONS = ("SendEmail", "OpenTicket", "AddTicketReply")


@pytest.fixture(scope="module")
def server(chain):
    """A reseller's server whose accounts are born with nothing of ours: the longest way."""
    return chain.add_server("cp-varied", reseller=True, skeleton=False)


@pytest.fixture
def habits(server):
    """Switch habits of the server; afterwards it is as before."""

    def switch(**values):
        for name, value in values.items():
            setattr(server.whm.quirks, name, value)

    yield switch
    switch(**DEFAULTS)


def assert_everything_is_there_once(chain, sold, status):
    account = sold.server.whm.account(sold.account)
    assert status["state"] == "live"
    assert len(account.databases) == 1
    assert len(account.database_users) == 1
    subjects = [mail["subject"].split(":")[0] for mail in chain.mails(sold)]
    assert (subjects.count("Received"), subjects.count("Ready"), subjects.count("Delayed")) == (1, 1, 0)
    (ticket,) = chain.tickets(sold)
    # The message it was opened with, and the shop's details
    assert len(ticket["replies"]) == 2
    assert "shoplaunch" not in chain.whole.crontab({"account": sold.account})


@pytest.mark.parametrize("habit", HABITS)
def test_a_shop_lives_on_a_server_with_another_habit(chain, server, habits, habit):
    habits(**HABITS[habit])
    sold = chain.sell(server)
    assert_everything_is_there_once(chain, sold, chain.live(sold, chain.job(sold)))


def test_a_shop_lives_although_the_answer_to_each_first_change_is_lost(chain, server, habits):
    server.whm.quirks._seen.clear()
    habits(cut_first_of_each_change=True)
    sold = chain.sell(server)
    status = chain.live(sold, chain.job(sold))
    assert [call for call in server.whm.calls.all if call.outcome == "cut"]
    assert_everything_is_there_once(chain, sold, status)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("mood", ["cut", "html", "http500", "broken"])
def test_the_client_is_told_once_whatever_becomes_of_whmcs_s_answers(chain, server, action, mood):
    chain.api.moods = {action: [mood]}
    try:
        sold = chain.sell(server)
        status = chain.live(sold, chain.job(sold))
    finally:
        chain.api.moods = {}
    assert_everything_is_there_once(chain, sold, status)
