"""A step is one entry of the plan and the module it names: it is planned, run, and shown on page and terminal."""

import pytest

from controller.db import steps
from controller.db.connection.engine import reading
from controller.jobs import steps as package
from controller.jobs.lifecycle import plan
from controller.jobs.lifecycle.plan import PREPARE, Step
from controller.jobs.steps.registry import run_of

SOURCE = """
from controller.jobs.lifecycle.step_context import Outcome

def run(work):
    work.tools.panel.put_file(work.account, "greeting.txt", b"hello", 0o644)
    return Outcome(note="said hello to " + work.account.user)
"""


@pytest.fixture
def register(add_module, monkeypatch):
    """A function that adds the step `greet` to the plan."""

    def add():
        add_module(package, "greet", SOURCE)
        monkeypatch.setitem(plan.PLAN, "greet", Step("greet", "Say hello", PREPARE, ("account",), "greet"))

    yield add
    run_of.cache_clear()


def states(house, job):
    return {step["name"]: step["state"] for step in house.status(job)["steps"]}


def test_a_step_of_one_entry_is_planned_run_and_shown(house, register):
    register()
    job = house.order()
    assert house.steps(job)["greet"].state == steps.WAITING
    house.work()
    assert house.job(job).state == "dropped" and states(house, job)["greet"] == steps.DONE
    assert (house.panel.base / "alice" / "greeting.txt").read_bytes() == b"hello"
    page = house.page(f"/admin/jobs/{job.id}?lang=en")
    assert 'data-step="greet"' in page and "Say hello" in page and "said hello to alice" in page
    shown = [line.split() for line in house.command("show", job.id).splitlines()]
    assert ["greet", "done", "1"] in [words[:3] for words in shown]


def test_jobs_stored_before_the_step_wait_for_it_and_run_it(house, register):
    job = house.order()
    register()
    assert "greet" not in house.steps(job) and states(house, job)["greet"] == steps.WAITING
    with reading(house.engine) as connection:
        assert plan.rows(connection, house.job(job))["greet"].state == steps.WAITING
    assert 'data-step="greet"' in house.page(f"/admin/jobs/{job.id}")
    house.work()
    assert house.job(job).state == "dropped" and states(house, job)["greet"] == steps.DONE


def test_a_job_that_was_over_before_the_step_is_shown_as_it_was(house, register):
    job = house.live()
    register()
    assert "greet" not in states(house, job)
    house.work_later(600, stride=60)
    assert house.job(job).state == "live" and "greet" not in house.steps(job)


def test_a_step_that_fails_is_named_and_retried_as_any_other(house, register):
    register()
    house.panel.fail("put_file", "panel_refused")
    job = house.order()
    house.work()
    assert (house.job(job).state, house.job(job).step) == ("failed", "greet")
    assert "Say hello" in house.page(f"/admin/jobs/{job.id}?lang=en")
    house.command("retry", job.id, "--step", "greet", "--yes")
    house.work()
    assert house.job(job).state == "dropped" and states(house, job)["greet"] == steps.DONE
