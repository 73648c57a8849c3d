"""Removals without an answer: while the panel may carry them out nothing is made there, and none is sent twice."""

from dataclasses import replace

import pytest

from controller.db import facts, jobs
from controller.db.connection.engine import transact
from controller.jobs.engine.operations import cancellation
from controller.jobs.lifecycle import late_removals
from controller.panels.base import LATE_SECONDS, RemovalMayRepeat, RemovalUnanswered
from shared.errors import ShoplaunchError
from tests.integration.controller.follow_ups import JOBS, begin, temporary_user

OWN_LINE = "7 7 * * * own"
OTHER = {"email": "other@example.com"}


class Killed(BaseException):
    """The process is gone."""


class Busy:
    """A panel that gives no answer to its next call of `method`, and carries it out when it catches up."""

    def __init__(self, world, method, ending=None):
        world.panel.may_remove_late = True
        self._work, self._panel, self._method = getattr(world.panel, method), world.panel, method
        self._ending = ending or RemovalUnanswered("panel_unreachable", "no answer")
        self.given = []
        setattr(world.panel, method, self)

    def __call__(self, *given):
        self.given.append(given)
        setattr(self._panel, self._method, self._work)
        raise self._ending

    def catch_up(self):
        """Do what was asked once."""
        (given,) = self.given
        self._work(*given)


def cancelled(world, **more):
    """Return a job that is cancelled when nothing of its agent is left, and was worked on."""
    job, agent = world.dropped(**more)
    agent.clean()
    world.service.jobs.cancel(job.id)
    world.work()
    return job


def test_a_cancellation_that_is_taken_back_waits_for_it(world):
    world.panel.ensure_account("alice", "shop.example.com", create=True, email="")
    busy = Busy(world, "remove_database")
    job = cancelled(world)
    world.service.jobs.undo_cancel(job.id)
    world.work_later(LATE_SECONDS / 2, stride=60)
    busy.catch_up()
    row = world.steps(job)["account"]
    assert (row.state, row.error) == ("waiting", None) and "may still be carried out until" in row.note
    assert "alice_shop" not in world.panel.databases
    world.service.jobs.cancel(job.id)
    world.work()
    assert world.status(job)["waiting_for"] == "removal", "it waits still, however often it is cancelled"
    world.service.jobs.undo_cancel(job.id)
    world.work_later(LATE_SECONDS / 2, stride=60)
    assert world.job(job).state == "dropped" and "alice_shop" in world.panel.databases


@pytest.mark.parametrize("method", ["remove_account", "remove_database_user"])
def test_killed_before_the_answer_came_domain_and_account_stay_taken(world, method):
    if method != "remove_account":
        world.panel.ensure_account("alice", "shop.example.com", create=True, email="")
    busy = Busy(world, method, Killed())
    cancelled(world)
    assert busy.given
    world.work_later(LATE_SECONDS - 60, stride=60)
    with pytest.raises(ShoplaunchError) as refused:
        world.order(**OTHER)
    assert (refused.value.code, refused.value.retryable) == ("service_ending", True)
    assert "keeps account alice: a removal there got no answer from the panel" in refused.value.message
    busy.catch_up()
    world.work_later(120, stride=60)
    again = world.order(**OTHER)
    world.work()
    assert world.job(again).state == "dropped" and set(world.panel.users) == set(world.panel.databases)


def test_the_refusal_says_what_is_waited_for_and_until_when(world):
    Busy(world, "remove_account")
    job = cancelled(world)
    status = world.status(job)
    assert (status["waiting_for"], status["next_look_at"]) == ("removal", "2027-01-15T08:10:00.000+00:00")
    assert "got no answer" in status["waiting_why"] and status["error"] is None
    with pytest.raises(ShoplaunchError) as refused:
        world.order()
    assert "2027-01-15 08:10 UTC" in refused.value.message
    world.work_later(LATE_SECONDS, stride=60)
    status = world.status(job)
    assert (status["waiting_for"], world.job(job).domain_key) == (None, None)


def test_an_agent_that_is_heard_meanwhile_lets_nothing_be_removed_sooner(world):
    job, agent = world.dropped()
    agent.clean()
    Busy(world, "remove_account")
    world.service.jobs.cancel(job.id)
    world.work()
    world.clock.pass_by(120)
    agent.send("cleaned")
    world.work()
    assert "remove_account" not in [call[0] for call in world.panel.calls]
    assert world.status(job)["waiting_for"] == "removal"


def test_what_was_refused_is_not_waited_for(world):
    world.panel.may_remove_late = True
    world.panel.fail("remove_account", "panel_refused")
    job = cancelled(world)
    assert (world.status(job)["waiting_for"], world.status(job)["error"]["code"]) == (None, "panel_refused")
    world.work_later(61, stride=61)
    assert world.job(job).domain_key is None


def test_an_account_that_answers_no_removal_is_given_up_after_the_last_wait_and_asked_nothing_more(world, monkeypatch):
    job, _agent = world.dropped()
    monkeypatch.setattr(world.panel, "read_file", closed)
    world.service.jobs.cancel(job.id)
    world.work()
    busy = Busy(world, "remove_agent")
    world.work_later(cancellation.NEVER_RAN_SECONDS + 60, stride=600)
    assert busy.given and world.status(job)["waiting_for"] == "removal"
    sent = len(world.panel.calls)
    world.work_later(LATE_SECONDS, stride=60)
    found = world.job(job)
    assert (found.facts["undo"], found.domain_key, found.error["code"]) == ("done", None, "cancelled_kept")
    assert not [call for call in world.panel.calls[sent:] if call[0].startswith("remove")]


def test_a_line_that_goes_by_its_number_is_removed_once_while_that_may_come_late(world):
    job, agent = world.dropped()
    world.serve(job)
    agent.restore()
    busy = Busy(world, "remove_cron")
    world.work_later(400, stride=20)
    assert busy.given and world.job(job).state == "finishing"
    world.work_later(LATE_SECONDS - 300, stride=20)
    assert "remove_cron" not in [call[0] for call in world.panel.calls]
    busy.catch_up()
    world.work_later(400, stride=20)
    assert world.job(job).state == "live"


@pytest.mark.parametrize("late", ["", "the worker", "the key", "the host"])
def test_an_accounts_own_line_that_got_the_number_is_looked_for_again(world, monkeypatch, late):
    kept = []
    monkeypatch.setattr(world.panel, "keep_cron", lambda account, line: kept.append((account.user, line)))
    job, agent = world.dropped()
    world.serve(job)
    agent.restore()
    busy = Busy(world, "remove_cron", RemovalMayRepeat(OWN_LINE))
    if late == "the worker":
        # When it comes the agent has been waited for long enough
        world.clock.pass_by(400)
        world.work()
    world.work_later(400, stride=20)
    assert busy.given and OWN_LINE not in str(world.job(job).facts)
    busy.catch_up()
    if late == "the key":
        # It was sealed with one that was retired meanwhile
        known = world.job(job)
        unknown = facts.column(replace(facts.of(known), kept_line="unknown"))
        transact(world.engine, lambda connection: jobs.update(connection, known, world.clock(), **unknown))
    if late == "the host":
        # It takes no line any more that runs so often
        monkeypatch.setattr(world.panel, "keep_cron", refused)
    assert kept == []
    world.work_later(LATE_SECONDS + 100, stride=20)
    assert kept == ([] if late in ("the key", "the host") else [("alice", OWN_LINE)])
    assert world.job(job).state == "live" and facts.of(world.job(job)).kept_line is None


def test_an_accounts_own_line_is_not_looked_for_sooner_because_a_step_is_tried_at_once(world, monkeypatch):
    kept = []
    monkeypatch.setattr(world.panel, "keep_cron", lambda account, line: kept.append(line))
    job, agent = world.dropped()
    world.serve(job)
    agent.restore()
    busy = Busy(world, "remove_cron", RemovalMayRepeat(OWN_LINE))
    world.work_later(400, stride=20)
    ends_at, sent = late_removals.ends_at(facts.of(world.job(job))), len(world.panel.calls)
    for _ in range(3):
        world.service.jobs.retry(job.id)
        world.work()
        row = world.steps(job)["check"]
        assert (row.state, row.error, row.not_before) == ("waiting", None, ends_at)
        assert "may still be carried out until" in row.note
        assert not [call for call in world.panel.calls[sent:] if call[0].endswith("_cron")]
        world.clock.pass_by(60)
    busy.catch_up()
    world.work_later(LATE_SECONDS, stride=20)
    assert kept == [OWN_LINE] and world.job(job).state == "live"


@pytest.mark.parametrize("begun_ago", [0, cancellation.RAN_SECONDS])
def test_a_rollback_that_has_to_wait_waits_as_a_step_does(world, monkeypatch, begun_ago):
    kept = []
    monkeypatch.setattr(world.panel, "keep_cron", lambda account, line: kept.append(line))
    job, agent = world.dropped()
    world.serve(job)
    agent.restore()
    Busy(world, "remove_cron", RemovalMayRepeat(OWN_LINE))
    world.work_later(400, stride=20)
    world.service.jobs.cancel(job.id)
    known = world.job(job)
    began = replace(facts.of(known).undo, began_at=world.clock.now - begun_ago)
    columns = facts.column(replace(facts.of(known), undo=began))
    transact(world.engine, lambda connection: jobs.update(connection, known, world.clock.now, **columns))
    world.clock.now, calls = facts.of(known).kept_at + LATE_SECONDS, len(world.panel.calls)
    look_again = late_removals.look_again

    def set_back_meanwhile(work):
        world.clock.now -= 90
        look_again(work)

    with monkeypatch.context() as once:
        once.setattr(late_removals, "look_again", set_back_meanwhile)
        world.work()
    now = world.job(job)
    assert (now.error, now.wake_at, now.domain_key is None) == (None, world.clock.now + 90, False)
    assert len(world.panel.calls) == calls and kept == []
    world.work_later(120, stride=60)
    assert kept == [OWN_LINE] and facts.of(world.job(job)).kept_line is None


def test_an_accounts_own_line_is_looked_for_once_no_removal_may_come_also_in_a_hurry(world, monkeypatch):
    kept = []
    monkeypatch.setattr(world.panel, "keep_cron", lambda account, line: kept.append((account.user, line)))
    job, agent = world.dropped()
    world.serve(job)
    agent.restore()
    busy = Busy(world, "remove_cron", RemovalMayRepeat(OWN_LINE))
    world.work_later(400, stride=20)
    assert busy.given
    busy.catch_up()
    world.service.jobs.cancel(job.id)
    world.work_later(LATE_SECONDS / 2, stride=20)
    assert (kept, world.status(job)["waiting_for"]) == ([], "removal")
    world.work_later(LATE_SECONDS, stride=20)
    known = facts.of(world.job(job))
    assert (kept, known.kept_line, known.kept_at) == ([("alice", OWN_LINE)], None, None)


def test_what_a_removal_put_at_risk_is_known_when_another_gets_no_answer_either(world, monkeypatch):
    kept = []
    monkeypatch.setattr(world.panel, "keep_cron", lambda account, line: kept.append((account.user, line)))
    job, _agent = world.dropped()
    monkeypatch.setattr(world.panel, "read_file", closed)
    world.service.jobs.cancel(job.id)
    world.work()
    Busy(world, "remove_cron", RemovalMayRepeat(OWN_LINE))
    Busy(world, "remove_agent")
    world.work_later(cancellation.NEVER_RAN_SECONDS + 60, stride=600)
    assert world.status(job)["waiting_for"] == "removal"
    world.work_later(LATE_SECONDS, stride=60)
    assert kept == [("alice", OWN_LINE)] and world.job(job).facts["undo"] == "done"


def closed(*_given):
    raise ShoplaunchError("home_closed", "closed")


def refused(_account, _line):
    raise ShoplaunchError("panel_refused", "cron jobs may run every 5 minutes at most")


def test_a_follow_up_job_that_is_tried_again_keeps_its_user(world):
    world.add_bundle("described", jobs=JOBS)
    shop = world.live(bundle="described")
    job, agent = begin(world, shop, "set_admin_password", **{"admin.password": "a-new-password"})
    agent.send("started")
    busy = Busy(world, "remove_database_user")
    agent.fail("internal")
    world.work()
    world.service.jobs.retry(job.id)
    world.work_later(LATE_SECONDS / 2, stride=60)
    busy.catch_up()
    world.work_later(LATE_SECONDS / 2, stride=60)
    assert world.job(job).state == "dropped" and temporary_user(job) in world.panel.users
