"""Leases lost while working, databases and mail servers that are away, accounts and servers that vanish."""

import json
import sqlite3
import threading
from contextlib import closing

import pytest
import sqlalchemy as sa

from controller.db import jobs, leases, tables
from controller.db.connection.engine import make_engine, reading, transact
from controller.db.machines import jobs_there
from controller.db.tables import servers
from controller.db.upkeep import health
from controller.jobs.engine import step_runner
from controller.jobs.lifecycle import lease
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.error_codes import error_code
from tests.support.users.mails import mails_of, put_into
from tests.support.worlds.world import EVIDENCE

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def called(world, method):
    return sum(call[0] == method for call in world.panel.calls)


def finished(world):
    """Return a job whose agent is done, the shop answering."""
    job, agent = world.dropped()
    agent.restore()
    agent.clean()
    world.serve(job)
    return job


@attack(
    "what the database stores of one job is damaged: the progress of a shop that lives, or an agent's final report",
    "that job alone does not get on, and says so where its row can be read; the server's other jobs go on",
)
@pytest.mark.parametrize("damaged", ["progress", "report"])
def test_a_damaged_job_holds_up_no_other_of_its_server(world, damaged):
    if damaged == "progress":
        job = world.live()
        change = sa.update(tables.jobs).where(tables.jobs.c.id == job.id).values(progress="{", wake_at=world.clock())
    else:
        job, agent = world.dropped()
        agent.restore()
        change = sa.update(tables.events).where(tables.events.c.event == "finished").values(body='{"evidence": [1]}')
    transact(world.engine, lambda connection: connection.execute(change))
    other = world.order(domain="other.example.com", account="bob")
    world.work_later(120, stride=30)
    assert world.job(other).state == "dropped"
    if damaged == "report":
        assert world.job(job).error["code"] == "internal"


DAMAGED = {
    "a record lacks an entry": {"account": {"user": "alice"}},
    "a record is of a wrong type": {"first_event": [1]},
    "an entry is of a wrong type": {"finished_at": "yesterday"},
    "a time is missing": {"first_event": {"way": "cron"}},
}


@attack(
    "what the database stores of one job is damaged within: a record lacks an entry, or is of a wrong type",
    "that job alone is `database_damaged`, and the list of jobs marks it; chores and other jobs go on",
)
@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_facts_that_are_damaged_within_are_one_jobs_alone(world, damage):
    job = world.live()
    stored = json.dumps({**world.job(job).facts, **damage})
    change = sa.update(tables.jobs).where(tables.jobs.c.id == job.id).values(facts=stored, alarm="wanted")
    transact(world.engine, lambda connection: connection.execute(change))
    with reading(world.engine) as connection:
        assert error_code(jobs.get, connection, job.id) == "database_damaged"
        shown = jobs.listed(connection, None, 10, 0)
        assert [(one.id, one.is_damaged, one.error["code"]) for one in shown] == [(job.id, True, "database_damaged")]
        assert [one.error["code"] for one in health.jobs_wanting_alarm(connection, 10)] == ["database_damaged"]
        assert not jobs_there.last_was_unheard(connection, job.server)
        assert jobs_there.last_cron_seconds(connection, job.server) is None
        panels = [panel for (panel,) in connection.execute(sa.select(servers.c.panel))]
        assert jobs_there.restoring_on(connection, panels, ("live",)) == []
    other = world.order(domain="other.example.com", account="bob")
    world.work_later(120, stride=30)
    assert world.job(other).state == "dropped"


def test_a_worker_that_lost_its_lease_begins_nothing_more(world):
    job = world.order()

    def lose():
        world.panel.before.clear()
        world.clock.pass_by(lease.SECONDS + 1)
        now = world.clock()
        assert transact(world.engine, lambda c: leases.take(c, job.id, "other", now, now + lease.SECONDS))

    world.panel.before["ensure_database"] = lose
    world.worker.advance(job.id)
    assert called(world, "ensure_privileges") == 0
    assert world.job(job).lease_owner == "other"
    # What it had done is the other one's to note
    assert world.steps(job)["database"].state == "running"
    world.clock.pass_by(lease.SECONDS + 1)
    world.work()
    assert world.job(job).state == "dropped"
    assert called(world, "ensure_database") == world.steps(job)["database"].attempts == 2


@SQLITE
def test_mail_that_was_sent_while_the_state_database_was_locked_is_not_sent_twice(world, tmp_path, monkeypatch):
    job = finished(world)
    path = tmp_path / "state.db"
    blocker = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    unlock = threading.Timer(3, lambda: blocker.execute("ROLLBACK"))
    send = world.mail.hand_over

    def send_and_lock(news):
        send(news)
        blocker.execute("BEGIN IMMEDIATE")
        unlock.start()

    # Busy after half a second instead of half a minute
    world.engine.dispose()
    sa.event.listen(world.engine, "connect", lambda raw, _record: raw.execute("PRAGMA busy_timeout=500"))
    monkeypatch.setattr(world.mail, "hand_over", send_and_lock)
    try:
        world.worker.advance(job.id)
    finally:
        unlock.join()
        blocker.close()
    world.clock.pass_by(lease.SECONDS + 1)
    world.work()
    assert len(world.mail.handed_over) == 1
    assert world.steps(job)["notify"].state == "done"
    assert world.job(job).secrets_encrypted is None


def away_after(world, monkeypatch, name):
    """The state database is away for longer than anything waits, once billing's `name` was called the first time."""
    blocker = sqlite3.connect(world.folder / "state.db", isolation_level=None, check_same_thread=False)
    send = getattr(world.mail, name)

    def send_and_lock(news):
        send(news)
        monkeypatch.setattr(world.mail, name, send)
        blocker.execute("BEGIN IMMEDIATE")

    world.engine.dispose()
    sa.event.listen(world.engine, "connect", lambda raw, _record: raw.execute("PRAGMA busy_timeout=5"))
    monkeypatch.setattr(step_runner, "NOTE_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(world.mail, name, send_and_lock)
    return blocker


@SQLITE
@pytest.mark.parametrize("what", ["hand_over", "alarm"])
def test_mail_that_cannot_be_noted_for_long_is_sent_again_as_the_same_message(world, tmp_path, monkeypatch, what):
    if what == "alarm":
        job, agent = world.dropped()
        agent.fail("db_packet")
    else:
        job = finished(world)
    put_into(world, monkeypatch, tmp_path / "mails")
    with closing(away_after(world, monkeypatch, what)):
        with pytest.raises(ShoplaunchError) as caught:
            world.worker.advance(job.id)
        assert caught.value.code == "database_busy"
    world.clock.pass_by(lease.SECONDS + 1)
    world.work()
    first, again = mails_of(tmp_path / "mails")
    assert first["Message-ID"] == again["Message-ID"] and first.get_payload() == again.get_payload()
    if what == "alarm":
        # The next one, an hour later, is another
        world.service.jobs.retry(job.id)
        world.work()
        type(agent)(world, job).fail("db_packet")
        world.work_later(3700, stride=600)
        assert len({one["Message-ID"] for one in mails_of(tmp_path / "mails")}) == 2


@SQLITE
def test_a_cancelled_job_gets_no_certificate_even_when_its_check_was_under_way(world):
    job = finished(world)
    world.panel.before["cron_lines"] = lambda: (world.panel.before.clear(), world.service.jobs.cancel(job.id))
    world.work()
    assert world.job(job).state == "cancelled"
    assert error_code(lambda: world.service.jobs.certificate(job.id)) == "certificate_missing"


@SQLITE
def test_an_account_that_was_removed_ends_the_waiting_at_once(world):
    job, agent = world.dropped()
    agent.send("started")
    del world.panel.accounts["alice"]
    world.work_later(600, stride=60)
    found = world.job(job)
    assert (found.state, found.error["code"]) == ("stalled", "account_missing")
    assert [alarm.code for alarm in world.mail.alarms] == ["account_missing"]


@SQLITE
def test_a_cancelled_job_whose_account_is_gone_is_over(world):
    job, agent = world.dropped()
    agent.send("started")
    del world.panel.accounts["alice"]
    world.service.jobs.cancel(job.id)
    world.work()
    found = world.job(job)
    assert (found.facts["undo"], found.domain_key, found.secrets_encrypted) == ("done", None, None)


@SQLITE
def test_a_job_is_taken_back_even_when_its_bundle_is_gone(world):
    job, agent = world.dropped()
    agent.send("started")
    agent.fail("db_not_empty")
    world.panel.remove_cron(agent.account, f"shoplaunch:{job.id}")
    world.service.installation.bundles.path("classic").unlink()
    world.service.jobs.cancel(job.id)
    world.work()
    found = world.job(job)
    assert (found.facts["undo"], found.error) == ("placed", None)
    assert len(world.panel.crontabs["alice"]) == 3


@SQLITE
@pytest.mark.parametrize("moment", ["received", "preparing", "finishing"])
def test_a_job_whose_server_was_removed_fails_and_says_so(world, moment):
    job = finished(world) if moment == "finishing" else world.order()
    if moment == "preparing":
        world.panel.fail("ensure_php", "panel_unreachable")
        world.worker.advance(job.id)
        world.clock.pass_by(10)
    assert world.job(job).state == moment
    transact(world.engine, lambda connection: connection.execute(sa.delete(servers)))
    world.work()
    world.work_later(300, stride=30)
    found = world.job(job)
    assert (found.state, found.error["code"]) == ("failed", "server_unknown")


@SQLITE
def test_a_mail_server_that_is_away_does_not_keep_a_silent_agent_from_being_noticed(world):
    job, agent = world.dropped()
    agent.send("started")
    agent.write_state(stage="import", status="running", percent=9, updated_at=world.clock() + 250)
    world.mail.codes = ["mail_failed"] * 1000
    world.work_later(400, stride=20)
    assert world.job(job).error["code"] == "network_blocked"
    world.work_later(2000, stride=60)
    assert world.job(job).state == "stalled"
    world.mail.codes = []
    world.work_later(120, stride=30)
    assert [alarm.code for alarm in world.mail.alarms] == ["agent_silent"]


def test_a_new_order_for_the_account_of_a_living_shop_does_not_change_that_shops_password(world):
    job = world.live()
    users = dict(world.panel.users)
    assert error_code(lambda: world.order(email="other@example.com")) == "domain_busy"
    assert error_code(lambda: world.order(domain="second.example.com")) == "domain_busy"
    world.work()
    assert world.panel.users == users
    # Only who says that what is there may be moved away may have it
    assert world.order(email="other@example.com", options={"occupied": "move"}).id != job.id


@SQLITE
def test_a_client_who_was_notified_is_not_notified_again_and_the_operator_not_alarmed(world):
    job = world.live()
    assert error_code(lambda: world.service.jobs.retry(job.id, step="notify")) == "illegal_transition"
    world.work()
    found = world.job(job)
    assert (found.state, found.error, len(world.mail.handed_over), world.mail.alarms) == ("live", None, 1, [])
    assert world.steps(job)["notify"].state == "done"


@SQLITE
def test_cancelling_and_taking_it_back_many_times_still_ends_in_one_living_shop(world):
    job, _agent = world.dropped()
    for _ in range(6):
        world.service.jobs.cancel(job.id)
        world.service.jobs.undo_cancel(job.id)
        world.work()
        world.service.jobs.cancel(job.id)
        world.work()
        world.service.jobs.undo_cancel(job.id)
    world.work()
    from tests.support.worlds.world import Agent

    agent = Agent(world, job)
    assert agent.attempt == world.job(job).attempt == 13
    agent.restore(EVIDENCE)
    agent.clean()
    world.serve(job)
    world.work()
    assert world.job(job).state == "live"
    assert len(world.mail.handed_over) == 1


def test_a_statement_the_database_refuses_is_not_reported_with_what_it_held(world):
    job = world.order()
    with reading(world.engine) as connection:
        stored = vars(jobs.get(connection, job.id))
        row = {name: value for name, value in stored.items() if name in tables.jobs.c}
    # Two jobs of one id
    with pytest.raises(sa.exc.IntegrityError) as caught:
        transact(world.engine, lambda connection: jobs.insert(connection, {**row, "account": "s3cret-value"}))
    assert "s3cret-value" not in str(caught.value)


@SQLITE
def test_a_report_that_meets_a_locked_database_is_to_be_tried_again_and_then_counts(world, tmp_path):
    job, agent = world.dropped()
    world.engine.dispose()
    sa.event.listen(world.engine, "connect", lambda raw, _record: raw.execute("PRAGMA busy_timeout=500"))
    blocker = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    event = agent.event("stage_finished", stage="import", percent=75, seconds=2.0)
    try:
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(ShoplaunchError) as caught:
            world.service.agents.record(agent.token, event)
    finally:
        blocker.close()
    assert (caught.value.code, caught.value.retryable) == ("database_busy", True)
    assert "locked" in caught.value.message
    world.service.agents.record(agent.token, event)
    assert world.job(job).percent == 75


def test_a_database_server_that_is_away_is_busy_and_its_password_is_not_revealed(tmp_path):
    engine = make_engine(f"mysql://shop:s3cret@localhost/state?unix_socket={tmp_path}/nobody.sock")
    with pytest.raises(ShoplaunchError) as caught, reading(engine):
        pass
    assert (caught.value.code, caught.value.retryable) == ("database_busy", True)
    assert "s3cret" not in caught.value.message
