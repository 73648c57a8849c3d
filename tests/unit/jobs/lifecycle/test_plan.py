"""The plan says which steps may run now, what depends on them, and when one is repeated."""

from dataclasses import replace

import pytest

from controller.db import steps
from controller.jobs.lifecycle import plan

NOW = 1000.0


def rows(**states):
    """Return the rows of a restore: these steps in these states, the others waiting."""
    return plan.with_waiting(
        "restore", {name: replace(steps.waiting(name), state=state) for name, state in states.items()}
    )


def ready(found, *parts, now=NOW):
    return [step.name for step in plan.ready(plan.PLAN, found, parts, now)]


def test_a_step_is_ready_when_all_it_needs_is_over():
    assert ready(rows(), plan.PREPARE) == ["account"]
    assert ready(rows(account="done"), plan.PREPARE) == ["database", "database_user", "php"]
    assert ready(rows(account="done", database="done", database_user="skipped"), plan.PREPARE) == ["privileges", "php"]


@pytest.mark.parametrize(("state", "is_ready"), [("waiting", True), ("running", True), ("done", False),
                                                 ("skipped", False), ("failed", False)])  # fmt: skip
def test_only_what_waits_or_was_left_running_is_ready(state, is_ready):
    assert ("account" in ready(rows(account=state), plan.PREPARE)) is is_ready


@pytest.mark.parametrize("needed", ["waiting", "running", "failed"])
def test_nothing_is_ready_that_needs_a_step_which_is_not_over(needed):
    assert "database" not in ready(rows(account=needed), plan.PREPARE)


def test_a_step_waits_for_its_time():
    found = {**rows(), "account": replace(steps.waiting("account"), not_before=NOW)}
    assert ready(found, plan.PREPARE, now=NOW - 0.1) == []
    assert ready(found, plan.PREPARE, now=NOW) == ["account"]


def test_steps_of_other_parts_and_the_agents_own_are_not_for_workers():
    placed = rows(**{**dict.fromkeys(plan.PLAN, "done"), "agent": "waiting", "check": "waiting"})
    assert ready(placed, plan.FINISH) == []
    assert ready(placed, plan.AGENT) == []
    assert ready({**placed, "agent": replace(placed["agent"], state="done")}, plan.AGENT, plan.FINISH) == ["check"]


def test_a_step_that_a_job_stored_earlier_lacks_is_waiting():
    found = plan.with_waiting("restore", {"account": replace(steps.waiting("account"), state="done")})
    assert set(found) == set(plan.PLAN)
    assert {row.state for name, row in found.items() if name != "account"} == {"waiting"}


def test_the_first_open_step_is_the_first_that_is_not_over():
    assert plan.first_open(plan.PLAN, rows()) == "account"
    assert plan.first_open(plan.PLAN, rows(account="done", database="failed")) == "database"
    assert plan.first_open(plan.PLAN, rows(**dict.fromkeys(plan.PLAN, "done"))) is None


def test_what_follows_a_step_is_all_that_depends_on_it_in_order():
    assert plan.following(["check"]) == ["check", "notify", "unblock"]
    assert plan.following(["account"]) == list(plan.PLAN)
    assert plan.following([]) == []


@pytest.mark.parametrize("kind", ["restore", "database_password"])
def test_each_plan_names_only_steps_before_in_what_it_needs(kind):
    seen = set()
    for step in plan.of(kind).values():
        assert set(step.needs) <= seen
        seen.add(step.name)


def test_each_delay_before_a_repetition_is_at_least_as_long_as_the_one_before():
    for step in [*plan.PLAN.values(), *plan.FOLLOW_UP_PLAN.values()]:
        assert list(step.delays) == sorted(step.delays) and step.delays[0] > 0


def test_the_client_is_notified_for_a_day_before_it_fails():
    assert sum(plan.PLAN["notify"].delays) >= 24 * 3600
