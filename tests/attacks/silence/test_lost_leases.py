"""A worker that lost its job to another one, since it stood still or had no database, notices and writes nothing."""

import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa

from controller.db import leases
from controller.db.connection.engine import transact
from controller.jobs.lifecycle import lease
from tests.attacks.table import attack
from tests.support.clock import START
from tests.support.waiting import wait_until

#: Calls of the panel from the first of a job to the last, by the part of its life they belong to.
PREPARING = (
    "ensure_account", "ensure_database", "ensure_database_user", "ensure_privileges", "ensure_php", "ensure_agent",
    "put_file", "ensure_cron",
)  # fmt: skip
FINISHING = ("list_folder", "ensure_php", "request_tls")
SECONDS = 120
_TABLES = ("jobs", "steps", "events", "certificates", "fingerprints")


def stored(world):
    """Return everything the database knows of jobs."""
    with world.engine.connect() as connection:
        return {name: connection.execute(sa.text(f"SELECT * FROM {name}")).fetchall() for name in _TABLES}


def taken(world, job):
    """Time has passed, and another worker has the job; return what is stored now."""
    world.clock.pass_by(lease.SECONDS + 1)
    now = world.clock()
    assert transact(world.engine, lambda c: leases.take(c, job.id, "other", now, now + lease.SECONDS))
    return stored(world)


def taken_at(world, job, method):
    """The next call of `method` takes so long that another worker has the job; return what was stored then (a list)."""
    found = []

    def take():
        del world.panel.before[method]
        found.append(taken(world, job))

    world.panel.before[method] = take
    return found


@attack("a worker stands still in the middle of a step until another one has its job", "it writes nothing any more")
@pytest.mark.parametrize("method", PREPARING)
def test_a_step_that_lost_its_lease_while_it_prepared_writes_nothing(world, method):
    job = world.order()
    found = taken_at(world, job, method)
    assert world.worker.advance(job.id)
    assert found and stored(world) == found[0]
    world.clock.pass_by(lease.SECONDS + 1)
    world.work()
    assert world.job(job).state == "dropped"


def finishing(world):
    """Return a job whose agent has done its work and is gone."""
    job, agent = world.dropped()
    agent.restore()
    agent.clean()
    world.serve(job)
    return job


@attack("a worker stands still in the middle of a check until another one has its job", "it certifies nothing")
@pytest.mark.parametrize("method", FINISHING)
def test_a_step_that_lost_its_lease_while_it_finished_writes_nothing(world, method):
    job = finishing(world)
    found = taken_at(world, job, method)
    assert world.worker.advance(job.id)
    assert found and stored(world) == found[0]
    assert world.mail.handed_over == []
    world.clock.pass_by(lease.SECONDS + 1)
    world.work()
    assert world.job(job).state == "live" and len(world.mail.handed_over) == 1


@attack("a worker has lost its job right before it notifies the client", "the other one alone notifies the client")
def test_a_worker_that_lost_the_job_notifies_nobody(world, monkeypatch):
    job = finishing(world)
    found, real = [], world.panel.name_servers
    monkeypatch.setattr(
        world.panel, "name_servers", lambda account: (found or found.append(taken(world, job)), real(account))[1]
    )
    assert world.worker.advance(job.id)
    assert found and world.mail.handed_over == [] and stored(world) == found[0]
    world.clock.pass_by(lease.SECONDS + 1)
    world.work()
    assert len(world.mail.handed_over) == 1


@attack("a worker has lost a failed job right before it alarms the operator", "the other one alone does")
def test_no_alarm_is_raised_by_a_worker_that_lost_the_job(world, monkeypatch):
    world.panel.fail("ensure_account", "panel_refused")
    job = world.order()
    real, found = world.service.installation.tools_for, []
    # It could not be raised at first, so that it is what the second go begins with
    monkeypatch.setattr(world.mail, "codes", ["mail_failed"])
    assert world.worker.advance(job.id) and world.job(job).alarm == "wanted"
    world.clock.pass_by(120)
    monkeypatch.setattr(
        world.service.installation, "tools_for", lambda one: (found.append(taken(world, job)), real(one))[1]
    )
    assert world.service.jobs.worker().advance(job.id)
    assert found and world.mail.alarms == [] and stored(world) == found[0]
    world.clock.pass_by(lease.SECONDS + 1)
    world.work()
    assert len(world.mail.alarms) == 1


@attack("another worker has the job while a step still runs", "each renewal looks, says so, and renews no more")
def test_a_renewal_notices_that_the_lease_is_lost(world, monkeypatch, caplog):
    monkeypatch.setattr(lease, "RENEWALS", 6000)
    entered, leave = threading.Event(), threading.Event()
    world.panel.before["ensure_account"] = lambda: (entered.set(), leave.wait(SECONDS))
    job = world.order()
    first = threading.Thread(target=world.worker.advance, args=(job.id,))
    first.start()
    try:
        assert entered.wait(SECONDS)
        transact(world.engine, lambda c: c.execute(sa.text("UPDATE jobs SET lease_owner = 'other'")))
        wait_until(lambda: f"job {job.id}: the lease is lost" in caplog.text)
        left = stored(world)
    finally:
        leave.set()
        first.join(SECONDS)
    assert stored(world) == left


def test_an_owner_is_one_time_of_holding_and_not_a_worker(world):
    made = [lease.Lease(world.engine, "x", world.worker.name, lambda: START) for _ in range(2)]
    assert made[0].owner != made[1].owner and all(len(one.owner) <= 64 for one in made)


@attack("a worker is asked to end in the middle of a job", "it ends the step, begins no other, and gives the job back")
def test_a_worker_that_ends_begins_no_other_step(world):
    entered, leave = threading.Event(), threading.Event()
    world.panel.before["ensure_account"] = lambda: (entered.set(), leave.wait(SECONDS))
    job = world.order()
    world.worker.start()
    assert entered.wait(SECONDS)
    world.worker.ask_to_stop()
    leave.set()
    assert world.worker.stop(SECONDS)
    rows = world.steps(job)
    assert rows["account"].state == "done" and rows["database"].attempts == 0
    assert world.job(job).lease_owner is None
    assert world.service.jobs.worker().run_due() == 1
    assert world.job(job).state == "dropped"


@attack(
    "the loop of a worker cannot go on while a panel is at a step", "the lease outlives the process by the step's time"
)
def test_a_process_that_gives_up_leaves_leases_that_last_as_long_as_a_panel_may_take(world):
    entered, leave = threading.Event(), threading.Event()
    world.panel.before["ensure_account"] = lambda: (entered.set(), leave.wait(SECONDS))
    left = []
    worker = world.service.jobs.worker(lambda _why: left.append(world.job(job)))
    job = world.order()
    first = threading.Thread(target=worker.advance, args=(job.id,))
    first.start()
    try:
        assert entered.wait(SECONDS)
        worker._give_up("its thread has ended")
        assert left[0].lease_until >= world.clock() + 600
    finally:
        leave.set()
        first.join(SECONDS)
    assert world.job(job).lease_owner is None


@attack("a renewal finds that another worker has the job, while a step runs", "the step calls no panel any more")
def test_a_step_whose_lease_is_known_to_be_lost_calls_no_panel(world):
    job = world.order()
    mine = lease.Lease(world.engine, job.id, "mine", world.clock)
    assert mine.take()
    tools = replace(world.service.installation.tools_for(job), lease=mine)
    panel = tools.panel
    assert panel.find_account("nobody") is None
    transact(world.engine, lambda c: c.execute(sa.text("UPDATE jobs SET lease_owner = 'other'")))
    mine._renew()
    with pytest.raises(lease.Lost):
        _ = tools.panel
    asked = len(world.panel.calls)
    with pytest.raises(lease.Lost):
        panel.find_account("nobody")
    assert len(world.panel.calls) == asked


@attack("a worker stands still within a step, and wakes up when another one has its job", "it calls no panel any more")
@pytest.mark.parametrize("is_taken", [True, False])
def test_a_worker_that_wakes_up_looks_whether_the_job_is_its_own(world, monkeypatch, is_taken):
    job, now = world.order(), world.clock()
    mine = lease.Lease(world.engine, job.id, "mine", world.clock)
    assert mine.take()
    tools = replace(world.service.installation.tools_for(job), lease=mine)
    panel = tools.panel
    if is_taken:
        transact(world.engine, lambda c: c.execute(sa.text("UPDATE jobs SET lease_owner = 'other'")))
    # Renewed in time, it is nobody else's: no query is made
    assert panel.find_account("nobody") is tools.panel.find_account("nobody") is None
    awake = lease.counted() + lease.SECONDS
    monkeypatch.setattr(lease, "counted", lambda: awake)
    if is_taken:
        for call in (lambda: panel.find_account("nobody"), lambda: tools.panel):
            mine.is_lost = False
            with pytest.raises(lease.Lost):
                call()
    else:
        assert panel.find_account("nobody") is tools.panel.find_account("nobody") is None
    assert world.clock() == now
