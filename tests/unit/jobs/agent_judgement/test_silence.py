"""How long an agent may be quiet, and what its account then says of it."""

import pytest

from controller.jobs.agent_judgement import silence
from controller.jobs.agent_judgement.sight import PYTHON_MISSING, Sight
from tests.support.state.job_rows import job_row

PLACED = 1000.0
#: Three ticks of a minute, and the time for the first report.
FIRST_REPORT_ENDS = PLACED + 3 * 60 + 90
#: Eight heartbeats of thirty seconds, and two ticks.
BETWEEN_REPORTS = 8 * 30 + 2 * 60
ERROR = {"code": "db_error", "message": "gone", "advice": "a", "retryable": False}


def verdict(job, now, state=None, cron_line=True):
    """Return (kind, code) of the verdict on what lies in the account; of none ("quiet", None)."""
    found = silence.verdict(job, Sight(state, cron_line, folder=True), now)
    return ("quiet", None) if found is None else (found.kind, found.error["code"])


def state_of(job, **more):
    """Return the state an agent of this attempt leaves."""
    return {"job": job.id, "attempt": job.attempt, "status": "running", "stage": "import", "updated_at": 1.0, **more}


@pytest.mark.parametrize(
    ("columns", "ends"),
    [
        ({}, FIRST_REPORT_ENDS),
        ({"facts": {"cron_seconds": 900}}, PLACED + 3 * 900 + 90),
        ({"dropped_at": None, "updated_at": 700.0}, 700.0 + 3 * 60 + 90),
        ({"heard_at": 2000.0}, 2000.0 + BETWEEN_REPORTS),
        ({"heard_at": 2000.0, "facts": {"cron_seconds": 300}}, 2000.0 + 8 * 30 + 2 * 300),
        ({"heard_at": 2000.0, "facts": {"seen_at": 2100.0}}, 2100.0 + BETWEEN_REPORTS),
        ({"expires_at": 1100.0}, 1100.0),
        ({"expires_at": 9000.0}, FIRST_REPORT_ENDS),
    ],
    ids=["never heard", "slow cron", "placed by an older version", "heard", "heard, slow cron", "seen later than heard",
         "expires before", "expires after"],
)  # fmt: skip
def test_patience_ends(columns, ends):
    assert silence.end_of_patience(job_row(**columns)) == ends


def test_a_report_that_is_not_stored_yet_counts():
    assert silence.end_of_patience(job_row(heard_at=2000.0), heard_at=2050.0) == 2050.0 + BETWEEN_REPORTS


def test_an_agent_is_probed_when_patience_ends_and_not_a_moment_before():
    assert not silence.is_due(job_row(), FIRST_REPORT_ENDS - 0.1)
    assert silence.is_due(job_row(), FIRST_REPORT_ENDS)


def test_an_agent_that_cannot_be_heard_is_probed_each_minute_until_it_is_heard():
    blocked = {"blocked_at": 1200.0, "looked_at": 1200.0}
    assert silence.deadline(job_row(facts=blocked, heard_at=1100.0)) == 1260.0
    assert silence.deadline(job_row(facts=blocked, heard_at=1201.0)) == 1201.0 + BETWEEN_REPORTS


def test_a_probe_that_failed_is_not_repeated_before_its_time_but_never_after_the_jobs_end():
    assert silence.deadline(job_row(facts={"look_at": 5000.0})) == 5000.0
    assert silence.deadline(job_row(facts={"look_at": 5000.0}, expires_at=4000.0)) == 4000.0


def test_without_a_trace_it_is_quiet_first_then_cron_never_fired():
    assert verdict(job_row(), FIRST_REPORT_ENDS - 1) == ("quiet", None)
    assert verdict(job_row(), FIRST_REPORT_ENDS) == ("stalled", "cron_never_fired")


@pytest.mark.parametrize(("line", "words"), [(True, "3 ticks of 60 seconds"), (False, "not in the account's crontab")])
def test_cron_that_never_fired_is_named_with_or_without_its_line(line, words):
    found = silence.verdict(job_row(), Sight(None, line, folder=True), FIRST_REPORT_ENDS)
    assert words in found.error["message"]


def test_the_launcher_without_a_python_has_failed_at_once():
    assert verdict(job_row(), PLACED, {"error": PYTHON_MISSING}) == ("failed", PYTHON_MISSING)


def test_an_agent_that_gave_up_has_failed_with_its_own_error():
    job = job_row()
    assert verdict(job, PLACED, state_of(job, status="failed", error=ERROR)) == ("failed", "db_error")


def test_another_attempts_error_is_not_this_ones():
    job = job_row(attempt=2)
    assert verdict(job, PLACED, state_of(job, attempt=1, status="failed", error=ERROR)) == ("quiet", None)


@pytest.mark.parametrize("code", silence.REFUSALS)
def test_a_refused_job_file_has_failed_when_the_refusal_is_newer_than_the_file(code):
    refused = {"status": "failed", "error": {**ERROR, "code": code}}
    assert verdict(job_row(), PLACED, {**refused, "updated_at": PLACED}) == ("failed", code)
    assert verdict(job_row(), PLACED, {**refused, "updated_at": PLACED - 1}) == ("quiet", None)


def test_a_refusal_that_names_another_attempt_is_not_this_ones():
    refused = {"status": "failed", "error": {**ERROR, "code": "job_invalid"}, "updated_at": PLACED + 1}
    assert verdict(job_row(), PLACED, {**refused, "refused": {"job": "job1", "attempt": 1}})[0] == "failed"
    assert verdict(job_row(), PLACED, {**refused, "refused": {"job": "job1", "attempt": 0}})[0] == "quiet"


def test_a_state_that_is_written_anew_works_and_cannot_be_heard():
    job = job_row(facts={"state_updated_at": 1.0})
    assert verdict(job, FIRST_REPORT_ENDS, state_of(job, updated_at=2.0)) == ("works", silence.BLOCKED)
    assert verdict(job, FIRST_REPORT_ENDS, state_of(job, updated_at=1.0)) == ("stalled", "agent_silent")


def test_the_first_probe_compares_the_states_time_with_the_controllers():
    job = job_row()
    now = FIRST_REPORT_ENDS
    assert verdict(job, now, state_of(job, updated_at=now - BETWEEN_REPORTS + 1)) == ("works", silence.BLOCKED)
    assert verdict(job, now, state_of(job, updated_at=now - BETWEEN_REPORTS)) == ("stalled", "agent_silent")


def test_an_agent_that_waits_tells_what_it_waits_for():
    job = job_row()
    waits = state_of(job, status="waiting", updated_at=FIRST_REPORT_ENDS, error={**ERROR, "code": "db_busy"})
    assert verdict(job, FIRST_REPORT_ENDS, waits) == ("works", "db_busy")
    unheard = {**waits, "error": {**ERROR, "code": "callback_failed"}}
    assert verdict(job, FIRST_REPORT_ENDS, unheard) == ("works", silence.BLOCKED)


def test_a_job_whose_time_is_over_is_stalled_whatever_the_agent_does():
    job = job_row(expires_at=1500.0)
    assert verdict(job, 1500.0, state_of(job, updated_at=1499.0)) == ("stalled", "job_expired")


def test_an_agent_that_was_heard_and_left_no_state_is_silent():
    found = silence.verdict(job_row(heard_at=2000.0, stage="import"), Sight(None, True, True), 2000.0 + BETWEEN_REPORTS)
    assert (found.kind, found.error["code"]) == ("stalled", "agent_silent")
    assert "silent for 360 seconds, last in stage import" in found.error["message"]


@pytest.mark.parametrize("code", ["", "Not A Code", "<b>", "x" * 65, 7, None])
def test_a_code_that_is_none_counts_as_internal(code):
    job = job_row()
    assert verdict(job, PLACED, state_of(job, status="failed", error={**ERROR, "code": code})) == ("failed", "internal")
