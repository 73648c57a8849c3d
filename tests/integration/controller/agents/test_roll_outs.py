"""A roll-out over real rows: which agent is placed, that it stops by itself, and that the operator hears of it once."""

import shutil
import sys

import pytest
import sqlalchemy as sa

from controller.agent_archive import versions
from controller.db import tables
from controller.db.connection.engine import reading, transact
from controller.db.machines import channels, servers
from controller.db.machines.channels import Channel
from controller.db.machines.servers import Server
from controller.jobs.intake import chores, roll_outs
from tests.support.users.mails import mails_of, put_into
from tests.support.worlds.world import Agent


@pytest.fixture
def kept(world):
    """Two agents are kept: `old` and `new`."""
    found = []
    for content in (b"PK old agent", b"PK new agent"):
        (world.config.agent / "agent.pyz").write_bytes(content)
        found.append(versions.keep(world.config.agent))
    return found


def write(world, channel):
    transact(world.engine, lambda connection: channels.write(connection, channel))


def channel(world):
    with reading(world.engine) as connection:
        return channels.get(connection, "stable")


def placed(world, user="alice"):
    return (world.panel.base / user / ".shoplaunch" / "agent.pyz").read_bytes()


def ended(world, agent, *states):
    """Jobs with this agent have ended in these states."""
    # Their own order waits; these are copies of its row
    job = world.order(domain=f"{agent}.example.com", account=f"u{agent[-8:]}").id
    with reading(world.engine) as connection:
        like = dict(connection.execute(sa.select(tables.jobs).where(tables.jobs.c.id == job)).one()._mapping)
    unique = {"order_key": None, "domain_key": None, "account_key": None, "dropped_at": world.clock(), "agent": agent}
    rows = [{**like, **unique, "id": f"{agent[:8]}{number:04}", "state": state} for number, state in enumerate(states)]
    transact(world.engine, lambda connection: connection.execute(sa.insert(tables.jobs), rows))


@pytest.mark.parametrize("share", [0, 100])
def test_a_job_gets_the_agent_its_channel_and_its_id_say(world, kept, share):
    old, new = kept
    write(world, Channel("stable", old, new, share, world.clock()))
    job = world.order()
    world.work()
    assert placed(world) == (b"PK new agent" if share else b"PK old agent")
    assert world.job(job).agent == (new if share else old)


def test_without_a_channel_accounts_get_the_installed_agent(world):
    job = world.order()
    world.work()
    assert placed(world) == b"PK agent"
    assert world.job(job).agent == versions.installed(world.config.agent).version


def test_a_roll_out_goes_on_while_no_more_fail_than_before(world, kept):
    old, new = kept
    write(world, Channel("stable", old, new, 1, world.clock()))
    ended(world, old, *["live"] * 9, "failed")
    ended(world, new, "live", "failed")
    chores.run(world.service.installation)
    assert channel(world).stopped_at is None


def test_a_roll_out_stops_by_itself_and_the_operator_is_alarmed_once(world, kept):
    old, new = kept
    write(world, Channel("stable", old, new, 100, world.clock()))
    ended(world, old, *["live"] * 10)
    ended(world, new, "live", "failed", "stalled")
    world.mail.codes = ["mail_failed"]
    for _ in range(3):
        chores.run(world.service.installation)
    found = channel(world)
    assert (found.stopped_at, found.alarm) == (world.clock(), "told")
    assert "2 of 3 jobs with the next agent failed; before, 0 of 10 did" in found.reason
    (alarm,) = [one for one in world.mail.alarms if one.code == "roll_out_stopped"]
    assert alarm.message == found.reason
    with reading(world.engine) as connection:
        actions = [row.action for row in connection.execute(sa.select(tables.audit))]
    assert actions.count("agent stop") == 1


def test_the_mail_about_a_stop_that_comes_again_is_the_same_message(world, kept, monkeypatch):
    old, new = kept
    put_into(world, monkeypatch, world.folder / "mails")
    for stopped_at in (world.clock(), world.clock() + 60):
        write(world, Channel("stable", old, new, 100, 0.0, stopped_at, "too many failed", "wanted"))
        with monkeypatch.context() as killed:
            killed.setattr(roll_outs, "_alarmed", lambda *_about, **_more: sys.exit("killed"))
            chores.run(world.service.installation)
        chores.run(world.service.installation)
    ids = [one["Message-ID"] for one in mails_of(world.folder / "mails") if "roll" in one.as_string().lower()]
    assert ids == [ids[0], ids[0], ids[2], ids[2]] and ids[0] != ids[2]


def test_a_job_that_is_placed_after_the_stop_gets_the_agent_from_before(world, kept):
    old, new = kept
    write(world, Channel("stable", old, new, 100, world.clock(), stopped_at=world.clock()))
    job = world.order()
    world.work()
    assert (placed(world), world.job(job).agent) == (b"PK old agent", old)


def test_jobs_of_other_channels_and_of_long_ago_are_not_compared(world, kept):
    old, new = kept
    write(world, Channel("stable", old, new, 10, world.clock()))
    ended(world, old, *["failed"] * 5)
    moved = sa.update(tables.jobs).values(dropped_at=world.clock() - 31 * 86400)
    transact(world.engine, lambda connection: connection.execute(moved))
    ended(world, new, "failed")
    with reading(world.engine) as connection:
        assert channels.outcomes(connection, channel(world)) == ((1, 1), (0, 0))
    transact(world.engine, lambda connection: channels.choose(connection, "web1", "next"))
    with reading(world.engine) as connection:
        assert channels.outcomes(connection, channel(world)) == ((0, 0), (0, 0))


def test_a_roll_out_to_all_jobs_is_over_once_enough_of_them_have_ended(world, kept, monkeypatch):
    old, new = kept
    ended(world, old, *["live"] * 5)
    ended(world, new, "live", "failed")
    for share, over in ((100, False), (10, False), (100, True)):
        monkeypatch.setattr(channels, "PROVEN_BY", 2 if share == 10 or over else 3)
        write(world, Channel("stable", old, new, share, world.clock()))
        chores.run(world.service.installation)
        assert (channel(world) == Channel("stable", current=new)) == over


def test_what_was_tried_with_an_agent_that_stopped_is_tried_again_with_the_one_from_before(world, kept):
    old, new = kept
    write(world, Channel("stable", old, new, 100, world.clock()))
    job, agent = world.dropped()
    agent.fail("import_failed")
    world.service.jobs.retry(job.id)
    world.work()
    assert (placed(world), world.job(job).agent, world.job(job).attempt) == (b"PK new agent", new, 2)
    write(world, Channel("stable", old, new, 100, world.clock(), stopped_at=world.clock()))
    Agent(world, world.job(job)).fail("import_failed")
    world.service.jobs.retry(job.id)
    world.work()
    assert (placed(world), world.job(job).agent) == (b"PK old agent", old)


def test_a_job_whose_agent_is_withdrawn_while_it_is_placed_and_while_it_works_lives(world, kept):
    old, _new = kept
    write(world, Channel("stable", old))
    world.panel.before["ensure_cron"] = lambda: shutil.rmtree(world.config.agent / versions.FOLDER / old)
    job = world.order()
    world.work()
    world.panel.before.clear()
    assert (placed(world), world.job(job).agent) == (b"PK old agent", old)
    world.finish(job)
    # What comes later gets the installed agent, and its job says so
    (world.config.agent / "agent.pyz").write_bytes(b"PK agent")
    later = world.order(domain="later.example.com", account="bob")
    world.work()
    assert placed(world, "bob") == b"PK agent"
    assert world.job(later).agent == versions.installed(world.config.agent).version
    assert f"instead of the agent {old}" in world.steps(later)["drop"].note


def test_the_roll_out_of_a_channel_whose_last_server_is_removed_harms_nothing(world, kept):
    old, new = kept
    transact(world.engine, lambda connection: channels.write(connection, Channel("next", old, new, 10, 1.0)))
    transact(world.engine, lambda connection: servers.add(connection, Server("cp2", "local", channel="next"), 1.0))
    transact(world.engine, lambda connection: servers.remove(connection, "cp2"))
    chores.run(world.service.installation)
    with reading(world.engine) as connection:
        assert {one.name: one.next for one in channels.listed(connection)} == {"next": new, "stable": ""}
        assert channels.servers_of(connection, "next") == []
