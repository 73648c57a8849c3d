"""Commands say of a server that fails since when and until when it is left alone; its check lets its jobs go on."""

import json
import time

import pytest

from controller.db.connection.engine import reading, transact
from controller.db.machines import breakers
from controller.doctor.registry import examine
from tests.support.users.commands import run_within

pytestmark = pytest.mark.root
REASON = "https://cp1.example:2087 gave no answer in time"


@pytest.fixture
def failing(world_of):
    """Return (a world whose server has failed three times, a job that waits for it)."""
    world = world_of()
    job = world.sell(world.hosting())
    for _ in range(breakers.FAILURES):
        transact(world.engine, lambda connection: breakers.note_failure(connection, "cp1", REASON, time.time()))
    return world, job


def run(world, *words):
    return run_within(words, {"SHOPLAUNCH_HOME": str(world.config.home), "COLUMNS": "400"})


@pytest.mark.sampled(of=2, rests=True)
def test_commands_name_the_reason_and_the_next_look(failing):
    world, job = failing
    (row,) = [row for row in json.loads(run(world, "server", "list", "--json").stdout) if row["name"] == "cp1"]
    assert row["state"] == "failing" and row["reason"].startswith(f"{REASON}; next look 20")
    shown = run(world, "show", job.id).stdout
    assert "waiting for" in shown and REASON in shown and "next look at" in shown
    status = json.loads(run(world, "show", job.id, "--json").stdout)
    assert (status["waiting_for"], status["waiting_why"]) == ("server", REASON)


def test_doctor_reports_it_and_does_not_wait_for_it(failing, whm):
    world, _job = failing
    whm.calls.clear()
    (row,) = [row for row in examine(world.config) if row.name.startswith("cp1")]
    assert (row.name, row.ok, REASON in row.message) == ("cp1: answers", False, True)
    assert "`shoplaunch server check cp1`" in row.advice
    assert len(whm.calls.all) == 0


def test_a_check_that_succeeds_lets_its_jobs_go_on_at_once(failing):
    world, job = failing
    run(world, "server", "check", "cp1")
    with reading(world.engine) as connection:
        assert breakers.listed(connection) == []
    world.work()
    assert world.job(job).state == "dropped", world.status(job)
