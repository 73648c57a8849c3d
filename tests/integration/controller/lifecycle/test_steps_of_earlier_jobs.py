"""A job that was stored before a step was in the plan: the step waits, runs in its turn, and has its row then."""

import pytest
import sqlalchemy as sa

from controller.db import steps
from controller.db.connection.engine import reading, transact
from controller.db.tables import steps as table
from controller.jobs.lifecycle import plan
from tests.support.worlds.world import EVIDENCE

KINDS = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def forget(world, job, *names):
    """The job is one of a version whose plan had none of these steps."""
    transact(world.engine, lambda c: c.execute(sa.delete(table).where(table.c.job == job.id, table.c.name.in_(names))))


def rows(world, job):
    with reading(world.engine) as connection:
        return steps.of_job(connection, job.id)


@KINDS
@pytest.mark.parametrize("name", ["account", "php", "cron"])
def test_a_step_that_is_new_in_the_plan_runs_and_gets_its_row(world, name):
    job = world.order()
    forget(world, job, name)
    with reading(world.engine) as connection:
        assert plan.rows(connection, world.job(job))[name].state == steps.WAITING
    world.work()
    assert world.job(job).state == "dropped" and rows(world, job)[name].state == steps.DONE
    assert rows(world, job)[name].attempts == 1


@KINDS
def test_new_steps_behind_the_agent_run_before_the_shop_lives(world):
    job, agent = world.dropped()
    forget(world, job, "tls", "unblock")
    agent.send("started")
    agent.send("finished", stage="report", percent=98, evidence=EVIDENCE)
    agent.clean()
    world.serve(job)
    world.work()
    assert world.job(job).state == "live", world.status(job)
    assert {rows(world, job)[name].state for name in ("tls", "unblock")} == {steps.SKIPPED}


@KINDS
def test_a_new_step_that_fails_is_noted_and_retried(world):
    job = world.order()
    forget(world, job, "php")
    world.panel.fail("ensure_php", "panel_refused")
    world.work()
    assert world.job(job).state == "failed" and rows(world, job)["php"].state == steps.FAILED
    world.service.jobs.retry(job.id)
    world.work()
    assert world.job(job).state == "dropped" and rows(world, job)["php"].state == steps.DONE


@KINDS
def test_a_job_without_the_row_is_cancelled_as_any_other(world):
    job = world.order()
    world.work()
    forget(world, job, "php")
    world.service.jobs.cancel(job.id)
    world.work_later(4000, stride=60)
    assert world.job(job).state == "cancelled" and world.job(job).facts["undo"] == "done"
