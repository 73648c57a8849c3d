"""Whatever WHMCS tells first, twice or never: one shop, or none and nothing left of it."""

import os
import signal

import pytest

from controller.db.facts import UNDO_PLACED
from tests.fakes.whmcs_php import sequences
from tests.integration.chain.conftest import doors
from tests.integration.chain.outcome import assert_everything_is_there_once, assert_prepared_once, build
from tests.support.waiting import wait_until
from tests.support.worlds.whole import WAIT_SECONDS

#: How an agent ends that learns that its job is cancelled.
CANCELLED = 5
#: Those that end in a shop, whatever else they say.
BUILDING = [
    sequences.accept_then_create,
    sequences.create_without_accept,
    sequences.create_failed_then_create,
    sequences.duplicate_create,
    sequences.accepted_twice,
]


@pytest.fixture(scope="module")
def server(servers):
    """Accounts are created with launcher and agent here."""
    return servers["cp-reseller"]


@pytest.fixture
def waiting(chain):
    """Nothing is built before the order was accepted."""
    chain.addon.setting("wait_for_acceptance", "on")
    yield
    chain.addon.setting("wait_for_acceptance", "")


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("sequence", BUILDING, ids=lambda sequence: sequence.__name__)
def test_one_shop_lives_whatever_comes_first_or_twice(chain, server, sequence):
    sold = chain.order(server)
    sequence(chain.addon, sold.order, sold.service)
    assert_everything_is_there_once(chain, sold, build(chain, sold))
    assert jobs_of(chain, sold) == 1


def jobs_of(chain, sold):
    listed = chain.whole.world.json("jobs")
    return len([job for job in listed if job["account"] == sold.account])


def test_an_acceptance_alone_builds_nothing(chain, server):
    sold = chain.order(server)
    chain.addon.accept(sold.order)
    chain.tell(sold)
    status = chain.status(sold)
    assert status["waiting_for"] == "module_created"
    assert chain.find(sold) is None
    assert chain.tickets(sold) == chain.mails(sold) == []


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("first", ["created", "accepted"])
def test_where_acceptance_is_waited_for_nothing_is_built_before_both_have_come(chain, server, waiting, first):
    sold = chain.order(server, language="farsi")
    steps = [lambda: chain.addon.create(sold.service), lambda: chain.addon.accept(sold.order)]
    before, after = steps if first == "created" else reversed(steps)
    before()
    chain.tell(sold)
    status = chain.status(sold)
    assert status["waiting_for"] == {"created": "accepted", "accepted": "module_created"}[first]
    assert chain.find(sold) is None
    if first == "created":
        assert all("m=shoplaunch" in (door.redirect or "") for door in doors(chain, sold))
    after()
    assert_everything_is_there_once(chain, sold, build(chain, sold))


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("event", ["module_created", "accepted"])
def test_an_event_whose_answer_is_lost_is_sent_again_and_makes_no_second_shop(chain, server, event):
    sold = chain.order(server)
    if event == "accepted":
        chain.addon.create(sold.service)
        chain.tell(sold)
    chain.wire.cut("POST")
    chain.addon.create(sold.service) if event == "module_created" else chain.addon.accept(sold.order)
    wait_until(lambda: chain.wire.lost, "no event was sent", pause=0.2)
    assert chain.wire.lost.pop() == ("POST", "/api/v1/orders", 202)
    (waiting,) = [row for row in chain.addon.queue() if row["service_id"] == sold.service and row["state"] == "waiting"]
    assert waiting["attempts"] == 1
    chain.addon.due_now()
    assert_everything_is_there_once(chain, sold, build(chain, sold))
    assert jobs_of(chain, sold) == 1
    assert {row["state"] for row in chain.addon.queue() if row["service_id"] == sold.service} == {"taken"}


def test_an_account_that_is_terminated_during_the_restore_leaves_nothing(chain, server):
    sold = chain.sell(server)
    whm, job = server.whm, chain.job(sold)
    databases, users, _agent = begin(chain, sold, job)
    chain.addon.terminate(sold.service)
    chain.tell(sold)
    chain.whole.wait(job, "cancelled")
    assert sold.account not in whm.state.accounts
    found = {name for (name,) in whm.engine.sql("SHOW DATABASES")} & databases
    found |= {name for (name,) in whm.engine.sql("SELECT user FROM mysql.user")} & users
    assert found == set()
    assert_notified_of_no_shop(chain, sold)


def test_an_account_that_outlives_its_service_is_put_back_as_it_was(chain, server, monkeypatch):
    monkeypatch.setattr(chain.addon.module, "terminate", lambda service: None)
    sold = chain.order(server)
    chain.addon.module.create(sold.service)
    account = server.whm.account(sold.account)
    before = sorted(os.listdir(account.document_root_path))
    chain.addon.create(sold.service)
    chain.addon.accept(sold.order)
    job = chain.job(sold)
    _databases, _users, agent = begin(chain, sold, job)
    chain.addon.terminate(sold.service)
    chain.tell(sold)
    # No cron starts an agent here that is put into the account after this one has left
    wait_until(lambda: chain.whole.service.jobs.get(job["id"]).facts.get("undo") == UNDO_PLACED)
    os.killpg(agent.pid, signal.SIGCONT)
    assert agent.wait(WAIT_SECONDS) == CANCELLED
    chain.whole.wait(job, "cancelled")
    wait_until(lambda: not account.databases and not account.database_users, lambda: chain.whole.trouble(job))
    wait_until(lambda: not os.path.exists(f"{account.home}/.shoplaunch"), lambda: chain.whole.trouble(job))
    assert chain.cron_lines(sold) == []
    assert sorted(os.listdir(account.document_root_path)) == before
    assert_notified_of_no_shop(chain, sold)


def begin(chain, sold, job):
    """The agent is stopped in the middle of its work; return the account's databases, their users, the agent."""
    chain.dropped(job)
    assert_prepared_once(chain, sold)
    agent = chain.start_agent(sold)
    chain.whole.wait(job, "restoring", "failed", "live")
    os.killpg(agent.pid, signal.SIGSTOP)
    account = sold.server.whm.account(sold.account)
    return set(account.databases), set(account.database_users), agent


def assert_notified_of_no_shop(chain, sold):
    """The client heard that the shop is being built and nothing after that."""
    (ticket,) = chain.tickets(sold)
    assert len(ticket["replies"]) == 1
    assert [mail["name"] for mail in chain.mails(sold)] == ["Shoplaunch: request received"]
