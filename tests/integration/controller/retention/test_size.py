"""How many bytes a job takes in the state database once its details went: shops of the size of real ones."""

import pytest

from tests.integration.controller.retention.shops import add_shop_bundle, report
from tests.integration.controller.retention.stored import sweep, used_bytes
from tests.support.state.state_database import on_sqlite
from tests.support.worlds.world import World

MOST_BYTES = 10_000


@pytest.fixture
def world(tmp_path):
    with on_sqlite(tmp_path) as engine:
        made = World(tmp_path, engine)
        add_shop_bundle(made)
        yield made
        made.close()


def live(world, number):
    """Make one more shop, whose agent reports as a real one does; return its job."""
    job, agent = world.dropped(bundle="shop", account=f"shop{number}", domain=f"shop{number}.example.com")
    report(agent)
    world.serve(job)
    world.work()
    assert world.job(job).state == "live", world.status(job)
    world.service.access.audit("anna", "show", job.id, "looked at")
    return job


def bytes_per_job(world, jobs):
    """Return how many bytes each of so many more jobs takes after a month."""
    live(world, 0)
    sweep(world, 31)
    before = used_bytes(world.engine)
    for number in range(1, jobs + 1):
        live(world, number)
    fresh = (used_bytes(world.engine) - before) / jobs
    sweep(world, 31)
    after = (used_bytes(world.engine) - before) / jobs
    print(f"bytes per job: {fresh:.0f} when it is done, {after:.0f} after a month")
    return after


@pytest.mark.sampled(of=2, rests=True)
def test_a_job_takes_at_most_ten_thousand_bytes_after_a_month(world):
    assert bytes_per_job(world, 20) <= MOST_BYTES


@pytest.mark.nightly
def test_two_hundred_jobs_take_at_most_ten_thousand_bytes_each_after_a_month(world):
    assert bytes_per_job(world, 200) <= MOST_BYTES
