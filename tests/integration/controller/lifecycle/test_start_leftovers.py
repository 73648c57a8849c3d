"""What a start left in the account of a job that failed or stalled is taken away: once, bounded, no job's trouble."""

import itertools

import pytest
from sqlalchemy import text

from controller.db.connection.engine import transact
from controller.jobs.engine.operations import start_leftovers
from controller.panels.start import WEB, Started
from shared.errors import ShoplaunchError
from tests.integration.controller.lifecycle.test_starts import KINDS
from tests.support.worlds.world import Agent

STARTER = "public_html/start.php"


@pytest.fixture
def rung(world, monkeypatch):
    """A world whose server starts agents by a file in the document root, to which no site answers."""
    transact(world.engine, lambda c: c.execute(text("UPDATE servers SET start = 'auto'")))
    world.panel.started = Started(reason="no_answer")
    world.ended = []

    def end_start(account, job_id, attempt):
        world.ended.append((job_id, attempt))
        (world.panel.base / account.user / STARTER).unlink(missing_ok=True)

    monkeypatch.setattr(world.panel, "start_files", lambda *_about: {STARTER: (b"<?php", 0o644)})
    monkeypatch.setattr(world.panel, "end_start", end_start)
    return world


def starter(world, user="alice"):
    return world.panel.base / user / STARTER


def stalled(world):
    job, _agent = world.dropped()
    world.work_later(300, stride=30)
    return job, "stalled"


def given_up(world):
    job, agent = world.dropped()
    agent.fail("disk_space")
    world.work()
    return job, "failed"


def until_failed(world):
    """Return a job whose step fails for good."""
    job = world.order()
    world.work_later(200, stride=20)
    return job, "failed"


def without_cron_line(world):
    world.panel.fail("ensure_cron", *["cron_edit_failed"] * 9)
    return until_failed(world)


def without_job_file(world):
    """The starter is written in parallel with the job file, for which there is no room."""

    def put_files(account, files):
        world.panel.put_file(account, STARTER, *files[STARTER])
        raise ShoplaunchError("disk_space", "no room")

    world.panel.put_files = put_files
    return until_failed(world)


@KINDS
@pytest.mark.parametrize("end", [stalled, given_up, without_cron_line, without_job_file])
def test_a_job_that_stops_leaves_nothing_of_its_start(rung, end):
    job, state = end(rung)
    assert rung.job(job).state == state, rung.status(job)
    assert not starter(rung).exists() and rung.ended == [(job.id, 1)]
    error = rung.job(job).error
    rung.work_later(3600, stride=600)
    assert len(rung.ended) == 1 and rung.job(job).error == error


@KINDS
def test_nothing_is_looked_for_where_a_start_has_worked_or_was_none(rung):
    rung.panel.started = Started(WEB)
    given_up(rung)
    rung.panel.fail("ensure_database", "panel_refused")
    job = rung.order(account="bob", domain="bob.example.com")
    rung.work()
    assert rung.job(job).state == "failed" and rung.ended == []


@KINDS
@pytest.mark.parametrize("problem", [ShoplaunchError("panel_unreachable", "no answer"), ZeroDivisionError()],
                         ids=["a panel's", "nobody foresaw"])  # fmt: skip
def test_a_panel_that_cannot_is_asked_again_less_and_less_often_and_then_no_more(rung, monkeypatch, problem):
    tries = []

    def end_start(*_about):
        tries.append(rung.clock())
        raise problem

    monkeypatch.setattr(rung.panel, "end_start", end_start)
    job, _state = given_up(rung)
    error = rung.job(job).error
    rung.work_later(12 * 3600, stride=60)
    pauses = [round(later - earlier) for earlier, later in itertools.pairwise(tries)]
    assert pauses == [60 * 2**number for number in range(start_leftovers.MOST_TRIES - 1)]
    assert (rung.job(job).state, rung.job(job).error) == ("failed", error)
    assert error["code"] == "disk_space"


@KINDS
def test_a_panel_that_can_again_takes_it_away_then(rung, monkeypatch):
    real = rung.panel.end_start

    def refuse(*_about):
        raise ShoplaunchError("panel_unreachable", "no answer")

    monkeypatch.setattr(rung.panel, "end_start", refuse)
    given_up(rung)
    assert starter(rung).exists()
    monkeypatch.setattr(rung.panel, "end_start", real)
    rung.work_later(120, stride=30)
    assert not starter(rung).exists()


@KINDS
def test_a_retry_of_the_cron_line_alone_is_started_at_once_again(rung):
    rung.panel.fail("ensure_cron", *["cron_edit_failed"] * 5)
    job, state = until_failed(rung)
    assert rung.job(job).state == state, rung.status(job)
    assert not starter(rung).exists()
    rung.panel.started = Started(WEB)
    seen = []
    rung.panel.before["start_now"] = lambda: seen.append(starter(rung).exists())
    rung.service.jobs.retry(job.id)
    rung.work()
    assert seen == [True] and rung.job(job).facts["start"]["way"] == WEB
    assert Agent(rung, job).attempt == 1


@KINDS
def test_what_a_failed_retry_leaves_is_taken_away_as_well(rung):
    job, agent = rung.dropped()
    for attempt in (1, 2):
        agent.fail("disk_space")
        rung.work()
        assert not starter(rung).exists() and rung.ended[-1] == (job.id, attempt)
        if attempt == 1:
            rung.service.jobs.retry(job.id)
            rung.work()
            assert starter(rung).exists()
            agent = Agent(rung, job)
