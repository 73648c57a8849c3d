"""A token ends a week behind the job file it came with, also of a job that has no validity of its own (any more)."""

from functools import partial

import pytest

from controller.db import jobs
from controller.db.connection.engine import transact
from tests.attacks.table import attack
from tests.support.error_codes import error_code

DAY = 24 * 3600.0
#: As shared/README names them.
TOKEN_DAYS = 7


def cancelled(world, job):
    world.service.jobs.cancel(job.id)


def noted_no_further(world, job):
    """Its files lie in the account; the worker that placed them was killed before it noted that."""
    before = {"state": "preparing", "step": "drop", "expires_at": None}
    transact(world.engine, lambda connection: jobs.update(connection, world.job(job), world.clock(), **before))


@attack(
    "a client's token reports on once its job is cancelled, or the worker was killed that had just placed its agent",
    "it is good for the validity of the job file it came with and seven days, as any other, and refused from then on",
)
@pytest.mark.parametrize("become", [cancelled, noted_no_further])
def test_a_token_ends_where_the_job_has_no_validity(world, become):
    job, agent = world.dropped()
    become(world, job)
    world.clock.pass_by(DAY + TOKEN_DAYS * DAY - 60)
    agent.send("cleaned")
    world.clock.pass_by(120)
    for kind in ("cleaned", "heartbeat", "started"):
        assert error_code(partial(agent.send, kind)) == "token_invalid"


def test_the_agent_of_a_rollback_has_a_token_as_old_as_its_job_file(world):
    job, agent = world.dropped()
    world.clock.pass_by(TOKEN_DAYS * DAY)
    world.work()
    cancelled(world, job)
    world.work()
    later = type(agent)(world, job)
    assert (later.attempt, world.job(job).facts["undo"]) == (agent.attempt, "placed")
    world.clock.pass_by(DAY)
    # The former file's ends by itself
    assert error_code(partial(agent.send, "cleaned")) == "token_invalid"
    assert error_code(partial(later.send, "heartbeat")) == "cancelled"
    later.send("cleaned")
    world.clock.pass_by(TOKEN_DAYS * DAY)
    assert error_code(partial(later.send, "cleaned")) == "token_invalid"


def test_an_attempt_that_is_being_prepared_again_is_not_taken_for_the_expired_one(world):
    job, agent = world.dropped()
    agent.send("started")
    world.clock.pass_by(DAY + 1)
    world.work()
    assert world.job(job).error["code"] == "job_expired"
    world.service.jobs.retry(job.id)
    world.work()
    assert world.job(job).state == "dropped"
    newer = type(agent)(world, job)
    assert newer.attempt == 2
    newer.send("started")
    assert world.job(job).state == "restoring"
