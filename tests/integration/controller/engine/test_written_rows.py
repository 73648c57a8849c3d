"""Due jobs whose rows others write just now, as the agent's next report does: who met one of them moves it."""

import threading

import pytest
import sqlalchemy as sa

from controller.db import due, jobs, tables
from controller.db.connection.engine import reading, transact
from controller.jobs.engine import drain


def drained(worker, moved):
    """Return a thread that drains web1 and appends how many jobs it has moved."""
    thread = threading.Thread(target=lambda: moved.append(worker.drain("web1")), daemon=True)
    thread.start()
    return thread


def test_who_met_a_row_that_is_being_written_has_the_job_before_who_is_hinted_at_by_that(world, monkeypatch):
    with reading(world.engine) as connection:
        if not due.skips_locked(connection):
            pytest.skip("writes one after the other, or knows no other way than to wait")
    monkeypatch.setattr(drain, "WAIT_SECONDS", 600.0)
    job, first, second = world.order(), world.worker, world.service.jobs.worker()
    met, claim, moved = threading.Event(), first._job_runner.claim, ([], [])

    def noted(*about):
        claimed = claim(*about)
        met.set()
        return claimed

    monkeypatch.setattr(first._job_runner, "claim", noted)
    with world.engine.begin() as report:
        jobs.get(report, job.id, lock=True)
        threads = [drained(first, moved[0])]
        assert met.wait(60)
        # In vain, where it does not wait for the first one
        threads.append(drained(second, moved[1]))
        threads[1].join(1.0)
    for thread in threads:
        thread.join(60)
    assert moved == ([1], [0]) and world.job(job).state == "dropped"
    counted = [(one.drain.tally.claims, one.drain.tally.missed) for one in (first, second)]
    assert counted == [(1, 0), (0, 0)]


def test_a_job_that_cannot_be_read_is_no_claim_that_missed(world):
    job = world.order()
    damage = sa.update(tables.jobs).where(tables.jobs.c.id == job.id).values(progress="{")
    transact(world.engine, lambda connection: connection.execute(damage))
    assert world.worker.drain("web1") == 0
    assert (world.worker.drain.tally.claims, world.worker.drain.tally.missed) == (0, 0)
