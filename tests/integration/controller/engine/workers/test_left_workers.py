"""A worker whose database another version has migrated: it begins nothing, and others have its hints."""

import pytest

from controller.jobs.engine.worker import Worker
from controller.jobs.engine.worker_options import WorkerOptions
from controller.jobs.lifecycle import due_hint


@pytest.fixture
def left(world):
    """A worker, and the list of what makes its database another version's: nothing yet."""
    migrated = []
    wakeup, own = world.worker._local_workers._wakeup, world.service.installation
    options = WorkerOptions(wakeup, is_left=lambda: bool(migrated))
    return Worker(world.engine, own.tools_for, world.clock, options=options), migrated


def test_its_hints_let_the_other_workers_of_the_machine_look(world, left, monkeypatch):
    worker, migrated = left
    notified = []
    monkeypatch.setattr(world.worker._local_workers._wakeup, "notify_others", lambda: notified.append(True))
    world.order()
    due_hint.taken()
    migrated.append(True)
    due_hint.notify("web1")
    worker._begin()
    assert notified == [True]
    # That they are to look is no hint that is passed on
    due_hint.notify()
    worker._begin()
    assert notified == [True] and worker._under_way == {}


def test_without_room_it_looks_for_no_finished_shop(world, left, monkeypatch):
    worker, migrated = left
    job, agent = world.dropped()
    agent.restore()
    world.serve(job)
    begun = []
    monkeypatch.setattr("controller.jobs.engine.capacity.thread_shares.THREADS", 0)
    monkeypatch.setattr(worker._visits, "start", lambda server, _visit: begun.append(server))
    migrated.append(True)
    worker._begin()
    assert begun == []
    migrated.clear()
    worker._visits._look_at = 0.0
    worker._begin()
    assert begun == ["web1"]


def test_a_visit_under_way_is_followed_by_no_other(world, left, monkeypatch):
    worker, migrated = left
    placed = [world.dropped(domain=f"s{n}.example.com", account=f"user{n}") for n in range(2)]
    for job, agent in placed:
        agent.restore()
        world.serve(job)
    claim, claimed = worker._job_runner.claim, []

    def noted(connection, job_id, moment):
        claimed.append(job_id)
        migrated.append(True)
        return claim(connection, job_id, moment)

    monkeypatch.setattr(worker._job_runner, "claim", noted)
    visits = []
    monkeypatch.setattr(worker._visits, "start", lambda _server, visit: visits.append(visit))
    monkeypatch.setattr("controller.jobs.engine.capacity.thread_shares.THREADS", 0)
    worker._begin()
    visits[0]()
    assert len(claimed) == 1
