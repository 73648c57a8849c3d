"""Limits that are too small for agents started at once: what two accounts report teaches about their server, what one
does says nothing; nobody is started there in vain again for a month, or until the operator says so."""

import pytest
from sqlalchemy import text

from controller.db.connection.engine import reading, transact
from controller.db.machines import servers
from controller.panels.start import SSH, WEB, Started
from tests.integration.controller.lifecycle.test_starts import KINDS
from tests.support.worlds.world import Agent

MONTH = 31 * 24 * 3600


@pytest.fixture
def rung(world):
    """A world whose server starts agents at once, by its sites."""
    transact(world.engine, lambda c: c.execute(text("UPDATE servers SET start = 'auto'")))
    world.panel.started = Started(WEB)
    return world


def learned(world):
    with reading(world.engine) as connection:
        return servers.get(connection, "web1").start_learned


def asked(world):
    return sum(call[0] == "start_now" for call in world.panel.calls)


def dropped(world, user, after=lambda _agent: None):
    """Return the job of an order of `user`, whose agent was started at once; then `after`(agent)."""
    job, agent = world.dropped(account=user, domain=f"{user}.example.com")
    after(agent)
    return job


def leave(agent):
    """The agent finds its limits too small, and leaves the work to the one that cron starts."""
    agent.fail("limits_too_small", retryable=True)


def work(agent):
    agent.send("started", start=agent.world.panel.started.way)


def of(world, job):
    return world.job(job).facts["start"]


def test_limits_of_two_accounts_are_their_servers_and_nobody_is_started_in_vain_for_a_month(rung):
    dropped(rung, "alice", leave)
    assert (learned(rung).way, learned(rung).reason, learned(rung).accounts) == (WEB, "limited", 1)
    dropped(rung, "bob", leave)
    assert (learned(rung).reason, learned(rung).accounts, asked(rung)) == ("limited", 2, 2)
    third = dropped(rung, "carol")
    assert (of(rung, third)["way"], of(rung, third)["reason"], asked(rung)) == ("", "limited", 2)
    rung.clock.now += MONTH
    dropped(rung, "dave", leave)
    assert asked(rung) == 3
    # The same came of it: nobody tries the next one
    dropped(rung, "erin")
    assert asked(rung) == 3


@KINDS
def test_one_accounts_limits_say_nothing_about_the_server_however_often_it_meets_them(rung):
    job, agent = rung.dropped(account="alice", domain="alice.example.com")
    for _ in range(2):
        leave(agent)
        agent.fail("disk_space")
        rung.service.jobs.retry(job.id)
        rung.work()
        agent = Agent(rung, job)
    leave(agent)
    dropped(rung, "bob")
    assert (learned(rung).accounts, asked(rung)) == (1, 4)


@KINDS
def test_an_agent_that_works_between_two_with_small_limits_begins_the_count_anew(rung):
    dropped(rung, "alice", leave)
    dropped(rung, "bob", work)
    assert (learned(rung).way, learned(rung).reason) == (WEB, "")
    dropped(rung, "carol", leave)
    assert (learned(rung).reason, learned(rung).accounts) == ("limited", 1)
    dropped(rung, "dave")
    assert asked(rung) == 4


@KINDS
def test_an_agent_that_leaves_before_its_start_is_noted_is_counted_when_crons_reports(rung):
    agents = []

    def start_now(_account, job_id, _attempt, _seconds):
        agents.append(Agent(rung, rung.service.jobs.get(job_id)))
        leave(agents[-1])
        return Started(WEB)

    rung.panel.start_now = start_now
    for user in ("alice", "bob"):
        rung.order(account=user, domain=f"{user}.example.com")
        rung.work()
        agents[-1].send("started")
    assert (learned(rung).reason, learned(rung).accounts) == ("limited", 2)


@KINDS
def test_an_agent_that_never_reported_is_the_last_result_and_stops_nothing(rung):
    for user in ("alice", "bob"):
        dropped(rung, user, lambda agent: agent.send("started"))
        assert (learned(rung).way, learned(rung).reason) == (WEB, "unheard")
    dropped(rung, "carol")
    assert asked(rung) == 3


@KINDS
@pytest.mark.parametrize(("way", "expected"), [(SSH, 2), (WEB, 3)])
def test_limits_of_a_servers_ssh_stop_ssh_and_those_of_its_sites_do_not(rung, way, expected):
    rung.panel.started = Started(way)
    rung.panel.has_other_start = lambda: True
    dropped(rung, "alice", leave)
    dropped(rung, "bob", leave)
    dropped(rung, "carol")
    assert asked(rung) == expected


@KINDS
def test_the_operators_word_ends_it(rung):
    dropped(rung, "alice", leave)
    dropped(rung, "bob", leave)
    transact(rung.engine, lambda connection: servers.choose_start(connection, "web1", servers.AUTO))
    dropped(rung, "carol")
    assert asked(rung) == 3
