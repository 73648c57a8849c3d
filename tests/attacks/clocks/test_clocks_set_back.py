"""A clock that was ahead for a while, and was set right, leaves nothing waiting for the time it had shown."""

import pytest

from controller.db import jobs, steps
from controller.db.connection.engine import reading, transact
from controller.db.identities.logins import MAX_PER_ADDRESS, LoginThrottle
from controller.db.orders import refused_orders
from controller.db.orders.request_log import CLAIM_SECONDS, Answer, RequestLog
from controller.jobs.intake import chores
from shared.errors import ShoplaunchError
from tests.attacks.table import attack

YEAR = 365 * 86400.0
MINUTE = 60.0


def set_right(world):
    """The database's clock, which was a year ahead, is right again; the worker does what belongs to no job."""
    world.clock.now -= YEAR
    chores.run(world.service.installation)


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


def test_what_is_only_far_ahead_by_its_own_right_stays(world):
    """A job that waits for weeks for a certificate, or for the end of its validity, is no work of a clock's."""
    job = world.live()

    def wait(connection):
        return jobs.count(connection, jobs.get(connection, job.id), wake_at=world.clock.now + 60 * 86400)

    before = transact(world.engine, wait)
    chores.run(world.service.installation)
    assert world.job(job) == before
