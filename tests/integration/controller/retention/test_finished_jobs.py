"""Details of finished jobs go in time; what anybody still needs stays, whatever else is going on."""

import os
import subprocess

import pytest
import sqlalchemy as sa

from controller.db import jobs
from controller.db.connection.clock import Moment
from controller.db.connection.engine import transact
from controller.db.tables import jobs as job_rows
from controller.db.upkeep import retention as leases
from controller.jobs.engine.presence import process_name
from controller.jobs.retention import registry, sweep
from shared.errors import ShoplaunchError
from tests.integration.controller import follow_ups
from tests.integration.controller.retention.stored import DAY, rows
from tests.integration.controller.retention.stored import sweep as swept


def stored(world, job):
    """Return (how many reports, steps) are stored of the job."""
    return len(rows(world.engine, "events", job=job.id)), len(rows(world.engine, "steps", job=job.id))


def write(world, job, **columns):
    """Write columns of a job as nobody else would."""
    query = sa.update(job_rows).where(job_rows.c.id == job.id).values(**columns)
    transact(world.engine, lambda connection: connection.execute(query))


def test_details_of_a_finished_job_go_in_time_and_its_certificate_stays(world):
    job = world.live()
    before = world.service.jobs.certificate(job.id)
    assert swept(world, 29).removed.get("events", 0) == 0
    reports, steps = stored(world, job)
    assert reports > 8 and steps == 12
    found = swept(world, 2)
    assert found.is_complete and found.removed["events"] == reports
    assert stored(world, job) == (0, 2)
    assert world.service.jobs.certificate(job.id) == before
    status = world.status(job)
    assert (status["state"], status["percent"], status["shop_url"]) == ("live", 100, world.job(job).facts["shop_url"])
    assert sum(swept(world).removed.values()) == 0


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize(
    "columns",
    [
        {"lease_owner": "somebody", "lease_until": 4e9}, {"state": "restoring"}, {"state": "failed"},
        {"state": "cancelled", "wake_at": 0.0},
    ],
    ids=["leased", "restoring", "failed", "being rolled back"],
)  # fmt: skip
def test_a_job_that_is_not_over_loses_nothing_however_old_it_is(world, columns):
    job = world.live()
    write(world, job, **columns)
    before = stored(world, job)
    swept(world, 4000)
    assert stored(world, job) == before and world.job(job).email == "owner@example.com"


def test_a_job_that_goes_on_while_it_was_looked_up_loses_nothing(world, monkeypatch):
    job = world.live()
    (events,) = (one for one in registry.KINDS if one.name == "events")
    world.clock.pass_by(40 * DAY)
    moment = registry.Moment(world.clock(), world.clock() - 30 * DAY)
    write(world, job, lease_owner="somebody", lease_until=world.clock() + 60)
    gone = transact(world.engine, lambda connection: events.remove(connection, world.keys, [job.id], moment))
    assert gone == 0 and stored(world, job)[0] > 0


def test_a_client_who_was_not_notified_yet_keeps_the_job_whole(world):
    world.mail.codes = ["mail_failed"] * 50
    job, agent = world.dropped()
    agent.restore()
    agent.clean()
    world.serve(job)
    world.work()
    before = stored(world, job)
    swept(world, 40)
    assert world.job(job).state == "live" and stored(world, job) == before
    assert world.job(job).secrets_encrypted is not None


def test_follow_up_jobs_begin_on_a_shop_whose_details_went(world):
    world.add_bundle("shop", jobs=follow_ups.JOBS)
    job = world.live(bundle="shop")
    later = world.job(job).later
    swept(world, 40)
    (row,) = rows(world.engine, "jobs", id=job.id)
    assert row.later is None and world.job(job).later == later
    follow_up, agent = follow_ups.begin(world, job, "set_admin_password", **{"admin.password": "another long one"})
    follow_ups.finish(agent)
    world.work()
    assert world.job(follow_up).state == "live"


def test_a_cancelled_job_can_be_begun_again_after_its_details_went(world):
    job, agent = world.dropped()
    world.service.jobs.cancel(job.id)
    world.panel.remove_agent(agent.account)
    world.panel.remove_cron(agent.account, f"shoplaunch:{job.id}")
    world.work()
    world.work_later(4000, 600)
    assert world.job(job).state == "cancelled" and world.job(job).wake_at is None
    swept(world, 40)
    assert stored(world, job)[1] <= 2
    world.service.jobs.undo_cancel(job.id)
    world.work()
    assert world.job(job).state == "dropped"


def test_a_shop_that_was_complete_cannot_be_begun_again_after_its_details_went(world):
    job, agent = world.dropped()
    agent.restore()
    world.service.jobs.cancel(job.id)
    write(world, job, wake_at=None, secrets_encrypted=None)
    swept(world, 40)
    with pytest.raises(ShoplaunchError) as caught:
        world.service.jobs.undo_cancel(job.id)
    assert caught.value.code == "illegal_transition" and "was complete" in caught.value.message


def test_one_process_at_a_time_removes_and_another_goes_on_after_one_that_was_killed(world):
    world.live()
    world.clock.pass_by(40 * DAY)
    now = world.clock()
    taken = transact(world.engine, lambda connection: leases.take(connection, "another", Moment(now, now)))
    assert taken and not world.service.retention.run().has_begun
    world.clock.pass_by(leases.LEASE_SECONDS + 1)
    assert world.service.retention.run().is_complete


def test_one_that_was_killed_on_this_machine_keeps_nobody_waiting(world):
    world.live()
    world.clock.pass_by(40 * DAY)
    ended = subprocess.Popen(["true"])
    name = process_name().replace(f":{os.getpid()}:", f":{ended.pid}:")
    taken = transact(
        world.engine, lambda connection: leases.take(connection, name, Moment(world.clock(), world.clock()))
    )
    assert taken and not world.service.retention.run().has_begun
    ended.wait()
    assert world.service.retention.run().is_complete


def test_a_process_whose_lease_was_taken_removes_nothing_more(world, monkeypatch):
    job = world.live()
    world.clock.pass_by(40 * DAY)
    real = registry.KINDS[0].find

    def stands_still(connection, moment, limit):
        found = real(connection, moment, limit)
        world.clock.pass_by(leases.LEASE_SECONDS + 1)
        return found

    def another(connection):
        assert leases.take(connection, "another", Moment(world.clock(), world.clock()))

    first = sweep.KINDS[0]
    slow = type(first)(first.name, first.what, stands_still, first.remove, first.oldest, first.at_once)
    monkeypatch.setattr(sweep, "KINDS", (slow,))
    monkeypatch.setattr(sweep, "_require_lease", _after(world, another, sweep._require_lease))
    assert not world.service.retention.run().is_complete
    assert stored(world, job)[0] > 0


def _after(world, another, real):
    def require(connection, context, owner):
        another(connection)
        real(connection, context, owner)

    return require


def test_a_sweep_that_is_broken_off_at_any_transaction_is_completed_by_the_next(world):
    job = world.live()
    world.clock.pass_by(40 * DAY)
    broken, swept_whole = 0, False

    def break_off():
        raise KeyboardInterrupt

    while not swept_whole:
        try:
            swept_whole = world.service.retention.run(break_off).is_complete
        except KeyboardInterrupt:
            broken += 1
    assert broken >= 2 and stored(world, job) == (0, 2)
    assert world.service.jobs.certificate(job.id)["job"] == job.id


def test_periods_of_nought_keep_everything(world):
    job = world.live()
    before = stored(world, job)
    for name in vars(world.config.retention):
        object.__setattr__(world.config.retention, name, 0)
    try:
        assert sum(swept(world, 4000).removed.values()) == 0
    finally:
        for name, value in type(world.config.retention).__dataclass_fields__.items():
            object.__setattr__(world.config.retention, name, value.default)
    assert stored(world, job) == before


def test_the_workers_chores_remove_what_is_over_once_an_hour(world):
    from controller.jobs.intake import chores

    job = world.live()
    world.clock.pass_by(40 * DAY)
    chores.remove_over(world.service.installation)
    assert stored(world, job) == (0, 2)
    assert not sweep.is_due(world.service.installation.sweep)
    world.clock.pass_by(sweep.PERIOD_SECONDS + 1)
    assert sweep.is_due(world.service.installation.sweep)


def test_the_audit_log_keeps_when_keys_were_made(world):
    for action in ("login", "key rotate", "login"):
        world.service.access.audit("anna", action)
    swept(world, 800)
    assert [row.action for row in world.service.access.list_audit(10, 0)] == ["key rotate"]


def test_the_outlook_of_a_kind_says_how_much_and_when(world):
    job = world.live()
    found = {one.kind.name: one for one in world.service.retention.outlook()}
    assert found["events"].over == 0 and found["finished_jobs"].next_at == world.job(job).updated_at + 30 * DAY
    world.clock.pass_by(40 * DAY)
    assert {one.kind.name: one.over for one in world.service.retention.outlook()}["events"] == 1


def test_a_changed_job_counts_as_new(world):
    job = world.live()
    swept(world, 40)
    assert world.job(job).pruned_at is not None
    known = world.job(job)
    transact(world.engine, lambda connection: jobs.update(connection, known, world.clock(), stage=None))
    assert world.job(job).pruned_at is None
