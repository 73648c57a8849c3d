"""Two workers at one job: one works, the other leaves it; a dead one's work is taken up when its lease is over."""

import threading

import pytest
import sqlalchemy as sa

from controller import measures
from controller.db import due, leases
from controller.db.connection.engine import transact
from controller.db.tables import jobs as job_rows
from controller.jobs.engine import worker
from controller.jobs.lifecycle import lease
from shared.errors import ShoplaunchError
from tests.support.waiting import wait_until
from tests.support.worlds.world import Agent

FROZEN_SECONDS = 600.0


def held_in_a_step(world):
    """Return (job, thread, event): the worker's thread stays within the job's first step until the event is set."""
    entered, leave = threading.Event(), threading.Event()

    def hold():
        entered.set()
        assert leave.wait(120)

    world.panel.before["ensure_account"] = hold
    job = world.order()
    first = threading.Thread(target=world.worker.advance, args=(job.id,))
    first.start()
    assert entered.wait(120)
    return job, first, leave


def test_two_workers_never_run_the_same_step_at_the_same_time(world):
    job, first, leave = held_in_a_step(world)
    other = world.service.jobs.worker()
    assert other.advance(job.id) is False
    assert other.run_due() == 0
    leave.set()
    first.join(120)
    assert world.job(job).state == "dropped"
    assert sum(call[0] == "ensure_account" for call in world.panel.calls) == 1


def test_a_job_that_another_worker_has_taken_over_counts_as_a_lost_lease_once(world):
    def counted():
        return measures.REGISTRY.get_sample_value("shoplaunch_leases_lost_total")

    job, first, leave = held_in_a_step(world)
    before = counted()
    query = sa.update(job_rows).where(job_rows.c.id == job.id).values(lease_owner="other")
    transact(world.engine, lambda connection: connection.execute(query))
    leave.set()
    first.join(120)
    assert (counted() - before, world.job(job).lease_owner) == (1, "other")


def test_many_workers_on_many_jobs_do_each_job_once(world):
    placed = [world.order(domain=f"s{n}.example.com", account=f"user{n}") for n in range(8)]
    workers = [world.service.jobs.worker() for _ in range(3)]
    for one in workers:
        one.start()
    try:
        wait_until(lambda: world.service.jobs.counts() == {"dropped": 8}, seconds=240)
    finally:
        for one in workers:
            one.stop()
    assert sum(call[0] == "ensure_cron" for call in world.panel.calls) == len(placed)


def test_the_work_of_a_worker_that_died_is_taken_up_when_its_lease_is_over(world):
    job = world.order()
    now = world.clock()
    transact(world.engine, lambda c: leases.take(c, job.id, "dead", now, now + lease.SECONDS))
    world.work()
    assert world.job(job).state == "received"
    world.clock.pass_by(lease.SECONDS + 1)
    world.work()
    assert world.job(job).state == "dropped"


def test_a_step_that_was_running_when_its_worker_died_is_run_again(world):
    class Died(BaseException):
        pass

    def die():
        world.panel.before.clear()
        raise Died

    world.panel.before["ensure_php"] = die
    job = world.order()
    with pytest.raises(Died):
        world.worker.advance(job.id)
    assert world.steps(job)["php"].state == "running"
    world.clock.pass_by(lease.SECONDS + 1)
    world.work()
    assert world.job(job).state == "dropped"
    assert world.steps(job)["php"].attempts == 2


def test_a_worker_that_was_frozen_for_ten_minutes_wakes_up_to_a_job_that_is_anothers(world, monkeypatch):
    # Frozen, it renews nothing
    monkeypatch.setattr(lease, "RENEWALS", 0.001)
    job, first, leave = held_in_a_step(world)
    world.panel.before.clear()
    world.clock.pass_by(FROZEN_SECONDS)
    awake = lease.counted() + FROZEN_SECONDS
    assert world.service.jobs.worker().advance(job.id) is True
    ended, calls = world.steps(job), len(world.panel.calls)
    assert (world.job(job).state, ended["account"].attempts) == ("dropped", 2)
    monkeypatch.setattr(lease, "counted", lambda: awake)
    leave.set()
    first.join(120)
    # The call that was under way goes on, and nothing after it
    assert [call[0] for call in world.panel.calls[calls:]] in ([], ["ensure_account"])
    assert (world.job(job).state, world.job(job).lease_owner) == ("dropped", None)
    assert world.steps(job) == ended


def test_a_lease_is_held_as_long_as_the_work_takes(world, monkeypatch):
    monkeypatch.setattr(lease, "RENEWALS", 600)
    job, first, leave = held_in_a_step(world)
    world.clock.pass_by(lease.SECONDS - 1)
    until = world.clock() + lease.SECONDS
    wait_until(lambda: world.job(job).lease_until >= until)
    world.clock.pass_by(lease.SECONDS - 1)
    assert world.service.jobs.worker().advance(job.id) is False
    leave.set()
    first.join(120)
    assert world.job(job).state == "dropped"


def test_a_renewal_that_failed_is_tried_again_at_once(world, monkeypatch):
    # Alone, the next renewal would never come
    monkeypatch.setattr(lease, "RENEWALS", 1e-6)
    monkeypatch.setattr(lease, "HURRIED_SECONDS", 0.01)
    real, tries = leases.renew, []

    def renew(*about):
        tries.append(1)
        if len(tries) < 3:
            raise ShoplaunchError("database_busy", "the controller's database: away")
        return real(*about)

    monkeypatch.setattr(leases, "renew", renew)
    job = world.order()
    held = lease.Lease(world.engine, job.id, "mine", world.clock)
    assert held.take()
    world.clock.pass_by(lease.SECONDS - 1)
    with lease.kept(held):
        held._renew_now.set()
        wait_until(lambda: world.job(job).lease_until == world.clock() + lease.SECONDS)
    assert len(tries) == 3


@pytest.mark.parametrize("seconds", [10, 20])
def test_a_renewal_that_takes_long_loses_nothing(world, monkeypatch, seconds):
    monkeypatch.setattr(lease, "RENEWALS", 600)
    job, first, leave = held_in_a_step(world)
    real, within, go_on = leases.renew, threading.Event(), threading.Event()

    def renew(*about):
        within.set()
        assert go_on.wait(120)
        return real(*about)

    monkeypatch.setattr(leases, "renew", renew)
    assert within.wait(120)
    # The database has let it wait
    world.clock.pass_by(seconds)
    go_on.set()
    wait_until(lambda: world.job(job).lease_until == world.clock() + lease.SECONDS)
    assert world.service.jobs.worker().advance(job.id) is False
    leave.set()
    first.join(120)
    assert world.job(job).state == "dropped" and world.steps(job)["account"].attempts == 1


def test_a_worker_takes_up_what_became_due_without_waiting_for_its_next_look(world, monkeypatch):
    monkeypatch.setattr(worker, "POLL_SECONDS", 3600.0)
    looked = threading.Event()
    monkeypatch.setattr(due, "servers", lambda *about, real=due.servers: (looked.set(), real(*about))[1])
    world.worker.start()
    try:
        assert looked.wait(120)
        job = world.order()
        wait_until(lambda: world.job(job).state == "dropped" and world.job(job).lease_owner is None)
        agent = Agent(world, job)
        world.serve(job)
        agent.restore()
        wait_until(lambda: world.steps(job)["check"].note and world.job(job).lease_owner is None)
        agent.clean()
        wait_until(lambda: world.job(job).state == "live")
    finally:
        world.worker.stop()


def test_what_a_step_waits_for_may_come_while_it_still_checks(world):
    job, agent = world.dropped()
    world.serve(job)
    agent.restore()

    def gone_meanwhile():
        world.panel.before.pop("list_folder")
        agent.clean()

    world.panel.before["list_folder"] = gone_meanwhile
    world.work()
    assert world.job(job).state == "live"
