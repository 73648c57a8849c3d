"""A clock that was ahead for a while, and was set right, leaves nothing waiting for the time it had shown."""

import pytest

from controller.db import facts, jobs, steps
from controller.db.connection.engine import reading, transact
from controller.db.identities.logins import MAX_PER_ADDRESS, LoginThrottle
from controller.db.machines import breakers, duties
from controller.db.orders import refused_orders
from controller.db.orders.request_log import CLAIM_SECONDS, Answer, RequestLog
from controller.jobs.intake import chores
from controller.panels.base import LATE_SECONDS, RemovalMayRepeat, RemovalUnanswered
from shared.errors import ShoplaunchError
from tests.attacks.table import attack

YEAR = 365 * 86400.0
MINUTE = 60.0


def set_right(world):
    """The database's clock, which was a year ahead, is right again; the worker does what belongs to no job."""
    world.clock.now -= YEAR
    chores.run(world.service.installation)


def unanswered(*_given):
    raise RemovalUnanswered("panel_unreachable", "no answer")


@attack(
    "the database's clock was a year ahead while an agent was started, which then is silent",
    "its silence is noticed within minutes, and the next attempt begins",
)
@pytest.mark.parametrize("heard", [False, True])
def test_a_silent_agent_of_a_clock_that_was_ahead_is_noticed(world, heard):
    world.clock.pass_by(YEAR)
    job, agent = world.dropped()
    if heard:
        agent.send("started")
    set_right(world)
    world.work_later(30 * MINUTE, stride=MINUTE)
    assert world.job(job).state == "stalled"
    assert world.mail.alarms
    world.service.jobs.retry(job.id)
    world.work()
    assert world.job(job).state == "dropped"


@attack(
    "the database's clock was a year ahead while a step waited for its next try, or its worker was killed",
    "it goes on at once, and the lease ends as every lease",
)
@pytest.mark.parametrize("killed", [False, True])
def test_a_step_that_waits_for_a_clock_that_was_ahead_goes_on(world, killed):
    world.clock.pass_by(YEAR)
    job = world.order()

    def hold(connection):
        current = jobs.get(connection, job.id)
        far = world.clock.now + MINUTE
        steps.update(connection, job.id, "account", not_before=far)
        held = {"lease_owner": "gone", "lease_until": far} if killed else {}
        jobs.update(connection, current, world.clock.now, wake_at=far, **held)

    transact(world.engine, hold)
    set_right(world)
    world.work_later(3 * MINUTE, stride=10)
    assert world.job(job).state == "dropped"


@attack(
    "the database's clock was a year ahead while operators mistyped passwords and codes",
    "what they got wrong then keeps nobody out",
)
def test_wrong_passwords_of_a_clock_that_was_ahead_keep_nobody_out(world):
    throttle = LoginThrottle(world.engine, world.clock)
    world.clock.pass_by(YEAR)
    for _ in range(MAX_PER_ADDRESS):
        throttle.begin("nora", "192.0.2.1")
    world.clock.now -= YEAR
    throttle.begin("nora", "192.0.2.1")


@attack(
    "the database's clock was a year ahead while a billing system asked as often as it may, or was cut off",
    "its key is served, and what it asks again is answered",
)
def test_requests_of_a_clock_that_was_ahead_keep_no_key_out(world):
    from controller.access import billing_keys
    from controller.access.actor import Actor
    from controller.db.identities.api_keys import ApiKey

    billing_keys.add(Actor("tests", world.engine, lambda: world.keys), ApiKey("billing", rate=2))
    log = RequestLog(world.engine, world.clock)
    world.clock.pass_by(YEAR)
    for number in (1, 2):
        log.use_signature(f"v1={number}", "billing")
    assert log.claim("billing:one", "f") is None
    world.clock.now -= YEAR
    log.use_signature("v1=3", "billing")
    assert log.claim("billing:one", "f") is None
    log.keep("billing:one", Answer(202, "application/json", "{}"))
    # As within one time
    with pytest.raises(ShoplaunchError, match="event_running"):
        log.claim("billing:two", "f")
        log.claim("billing:two", "f")
    world.clock.pass_by(CLAIM_SECONDS + 1)
    assert log.claim("billing:two", "f") is None


@attack(
    "the database's clock was a year ahead while the mail about a refused order could not be delivered",
    "the operator is notified of it now",
)
def test_an_alarm_put_off_by_a_clock_that_was_ahead_is_delivered(world):
    world.clock.pass_by(YEAR)
    with pytest.raises(ShoplaunchError):
        world.service.orders.place({"server": "web1", "bundle": "nothing"}, source="api")
    world.mail.codes = ["mail_failed"]
    chores.run(world.service.installation)
    assert not world.mail.alarms
    set_right(world)
    assert len(world.mail.alarms) == 1
    with reading(world.engine) as connection:
        (order,) = refused_orders.listed(connection, 5)
    assert order.alarm == "told"


@attack(
    "the database's clock is set by two minutes, back or forth, right after a job has alarmed",
    "the job alarms once an hour all the same",
)
@pytest.mark.parametrize("seconds", [-2 * MINUTE, 2 * MINUTE])
def test_a_job_alarms_once_an_hour_by_a_clock_that_is_set(world, seconds):
    job, agent = world.dropped()
    for _ in range(3):
        agent.fail("db_packet")
        world.work()
        assert (world.job(job).state, len(world.mail.alarms)) == ("failed", 1)
        world.clock.now += seconds
        world.service.jobs.retry(job.id)
        world.work_later(MINUTE)
        agent = type(agent)(world, job)
    agent.fail("db_error")
    world.work_later(66 * MINUTE, stride=MINUTE)
    assert [one.code for one in world.mail.alarms] == ["db_packet", "db_error"]


@attack(
    "the database's clock is set back by two minutes while, or after, the operator is mailed about a backup that fails "
    "or a server",
    "nobody else sends the mail as well; the next one comes when it would have come",
)
@pytest.mark.parametrize("seconds", [-2 * MINUTE, 2 * MINUTE])
def test_duties_and_servers_are_mailed_once_by_a_clock_that_is_set(world, monkeypatch, seconds):
    def fail(connection):
        breakers.note_failure(connection, "web1", "no answer", world.clock())
        duties.note_failure(connection, "backup", "backup_failed", "its disk is full", world.clock())

    for _call in range(breakers.FAILURES):
        transact(world.engine, fail)
    world.clock.pass_by(breakers.OUTAGE_SECONDS + 5 * MINUTE)
    send = world.mail.alarm

    def set_meanwhile(news):
        send(news)
        world.clock.now += seconds
        with monkeypatch.context() as other:
            other.setattr(world.mail, "alarm", send)
            chores.run(world.service.installation)

    monkeypatch.setattr(world.mail, "alarm", set_meanwhile)
    for _round in range(3):
        chores.run(world.service.installation)
        world.clock.pass_by(30)
    assert sorted(one.state for one in world.mail.alarms) == ["failing", "not done"]
    world.clock.pass_by(86_400 - 30 * MINUTE)
    chores.run(world.service.installation)
    assert len(world.mail.alarms) == 2
    world.clock.pass_by(40 * MINUTE)
    chores.run(world.service.installation)
    assert len(world.mail.alarms) == 3


@attack(
    "the database's clock was a year ahead while a cancelled job's removal got no answer",
    "domain and account are free as soon as they would have been",
)
def test_a_removal_without_an_answer_is_not_waited_for_until_a_clocks_year_is_over(world, monkeypatch):
    world.clock.pass_by(YEAR)
    world.panel.ensure_account("alice", "shop.example.com", create=True, email="")
    job, agent = world.dropped()
    agent.clean()
    world.panel.may_remove_late = True
    with monkeypatch.context() as silent:
        silent.setattr(world.panel, "remove_database", unanswered)
        world.service.jobs.cancel(job.id)
        world.work()
    assert world.status(job)["waiting_for"] == "removal"
    set_right(world)
    world.work_later(LATE_SECONDS + MINUTE, stride=MINUTE)
    assert world.job(job).domain_key is None


@attack(
    "an operator takes a cancellation back right after the clock that was a year ahead was set right, before that is "
    "noticed",
    "the removal that got no answer is waited for as long as it would have been",
)
def test_a_job_that_is_touched_before_its_clock_is_noticed_waits_for_no_year(world, monkeypatch):
    world.panel.ensure_account("alice", "shop.example.com", create=True, email="")
    job, agent = world.dropped()
    agent.clean()
    world.panel.may_remove_late = True
    world.clock.pass_by(YEAR)
    with monkeypatch.context() as silent:
        silent.setattr(world.panel, "remove_database", unanswered)
        world.service.jobs.cancel(job.id)
        world.work()
    assert facts.of(world.job(job)).undo.lost_at > world.clock.now - MINUTE
    world.clock.now -= YEAR
    world.service.jobs.undo_cancel(job.id)
    chores.run(world.service.installation)
    world.work_later(LATE_SECONDS + MINUTE, stride=MINUTE)
    assert world.job(job).state == "dropped"


@attack(
    "an operator cancels a job right after the clock that was a year ahead was set right, and before that is noticed",
    "the account's own cron line that a late removal takes is back as soon as it would have been",
)
def test_a_line_at_risk_is_put_back_although_the_job_was_touched_before_its_clock_is_noticed(world, monkeypatch):
    kept = []
    monkeypatch.setattr(world.panel, "keep_cron", lambda account, line: kept.append(line))
    job, agent = world.dropped()
    world.serve(job)
    agent.restore()
    world.clock.pass_by(YEAR)
    world.panel.may_remove_late = True

    def repeated(*_given):
        raise RemovalMayRepeat("@daily own")

    with monkeypatch.context() as silent:
        silent.setattr(world.panel, "remove_cron", repeated)
        world.work_later(400, stride=20)
    assert facts.of(world.job(job)).kept_at > world.clock.now - 500
    world.clock.now -= YEAR
    world.service.jobs.cancel(job.id)
    chores.run(world.service.installation)
    world.work_later(LATE_SECONDS + 5 * MINUTE, stride=MINUTE)
    assert kept == ["@daily own"]


def test_what_is_only_far_ahead_by_its_own_right_stays(world):
    """A job that waits for weeks for a certificate, or for the end of its validity, is no work of a clock's."""
    job = world.live()

    def wait(connection):
        return jobs.count(connection, jobs.get(connection, job.id), wake_at=world.clock.now + 60 * 86400)

    before = transact(world.engine, wait)
    chores.run(world.service.installation)
    assert world.job(job) == before
