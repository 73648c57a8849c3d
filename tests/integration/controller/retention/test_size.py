"""How many bytes a job takes in the state database once its details went: shops of the size of real ones."""

import pytest

from controller.db.connection.engine import make_engine
from tests.integration.controller.follow_ups import JOBS, UPDATE
from tests.integration.controller.retention.stored import sweep, used_bytes
from tests.integration.controller.world import CHECKS, EVIDENCE, World
from tests.support.state_database import make_tables

MOST_BYTES = 10_000
#: As a packed PrestaShop 8: tables, visits, what follow-up jobs change.
TABLES = [{"name": f"ps_table_of_a_shop_{number}", "rows": number * 7} for number in range(276)]
VISITS = [{**CHECKS[0], "name": f"page_{number}", "contains": ["Welcome", "x" * 150]} for number in range(8)]
STATEMENTS = [{**UPDATE, "params": [str(number), f"PS_SETTING_OF_A_SHOP_{number}"]} for number in range(12)]
MANY_JOBS = {**JOBS, "remove": {"statements": STATEMENTS, "edits": []}}


@pytest.fixture
def world(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path}/state.db")
    make_tables(engine)
    made = World(tmp_path, engine)
    checks = [*CHECKS, *({**one, "contains": ["Welcome"]} for one in VISITS)]
    made.add_bundle("shop", tables=TABLES, jobs=MANY_JOBS, checks=checks)
    yield made
    made.close()
    engine.dispose()


def live(world, number):
    """Make one more shop, whose agent reports as a real one does; return its job."""
    job, agent = world.dropped(bundle="shop", account=f"shop{number}", domain=f"shop{number}.example.com")
    agent.send("started")
    for percent, stage in enumerate(("verify", "preflight", "unpack", "import", "configure", "prove", "switch")):
        agent.send("stage_started", stage=stage, percent=percent * 14)
        agent.send("stage_finished", stage=stage, percent=percent * 14 + 10, seconds=1.25)
    evidence = {**EVIDENCE, "tables": {one["name"]: one["rows"] for one in TABLES}}
    agent.send("finished", stage="report", percent=98, evidence=evidence)
    agent.clean()
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


def test_a_job_takes_at_most_ten_thousand_bytes_after_a_month(world):
    assert bytes_per_job(world, 20) <= MOST_BYTES


@pytest.mark.nightly
def test_two_hundred_jobs_take_at_most_ten_thousand_bytes_each_after_a_month(world):
    assert bytes_per_job(world, 200) <= MOST_BYTES
