"""When an error that an agent retries by itself alarms the operator, and when it is over."""

import pytest

from controller.db.facts import Trouble
from controller.jobs.agent_judgement import agent_trouble
from controller.jobs.agent_judgement.agent_trouble import LASTING_SECONDS
from tests.support.state.job_rows import job_row

BEGAN = 5000.0
LASTS = BEGAN + LASTING_SECONDS
ERROR = {"code": "db_busy", "message": "locked", "advice": "a", "retryable": True}
OTHER = {**ERROR, "code": "db_unreachable"}


def document(**changes):
    """Return the stored trouble of an agent at 40 percent of its import, with these changes."""
    return {"error": ERROR, "stage": "import", "percent": 40, "since": BEGAN, "told": False, **changes}


def test_without_trouble_there_is_none():
    assert agent_trouble.of(job_row()) is None


def test_the_stored_trouble_is_the_jobs():
    assert agent_trouble.of(job_row(facts={"trouble": document()})) == Trouble(ERROR, "import", 40, BEGAN, False)


@pytest.mark.parametrize(
    ("known", "now", "alarmed", "noted", "alarms"),
    [
        (None, LASTS, False, False, False),
        (None, LASTS, True, True, False),
        (document(), LASTS - 0.1, False, False, False),
        (document(), LASTS, False, True, True),
        (document(), LASTS, True, True, True),
        (document(), LASTS - 0.1, True, True, False),
        (document(**{"told": True}), LASTS - 0.1, False, True, False),
        (document(**{"told": True}), LASTS + 1000.0, False, True, False),
    ],
    ids=["the first", "the first, alarmed anyway", "not long enough", "it lasts", "it lasts, alarmed anyway",
         "not long, alarmed anyway", "known, not long", "known, it lasts"],
)  # fmt: skip
def test_the_operator_is_alarmed_once_when_it_lasts(known, now, alarmed, noted, alarms):
    job = job_row(facts={"trouble": known} if known else {})
    found, now_alarms = agent_trouble.met(job, ERROR, "import", 40, now, alarmed=alarmed)
    assert (found.told, now_alarms) == (noted, alarms)
    assert found.since == (BEGAN if known else now)


def test_another_error_without_progress_is_the_same_trouble():
    job = job_row(facts={"trouble": document()})
    found, alarms = agent_trouble.met(job, OTHER, "configure", 40, LASTS)
    assert (found.error, found.stage, found.since, alarms) == (OTHER, "configure", BEGAN, True)


@pytest.mark.parametrize(
    ("known", "of_job", "reported", "percent"),
    [
        (None, 30, None, 30), (None, 30, 35, 35), (40, 30, None, 40), (40, 30, 35, 40), (40, 45, None, 45),
        (40, 30, 50, 50),
    ],
)  # fmt: skip
def test_the_furthest_percent_counts(known, of_job, reported, percent):
    facts = {} if known is None else {"trouble": document(percent=known)}
    found, _alarms = agent_trouble.met(job_row(percent=of_job, facts=facts), ERROR, "import", reported, BEGAN)
    assert found.percent == percent


@pytest.mark.parametrize(
    ("percent", "finished", "over"),
    [
        (None, None, False), (40, None, False), (41, None, True), (0, "verify", False), (None, "import", True),
        (40, "import", True),
    ],
)  # fmt: skip
def test_it_is_over_when_the_agent_gets_further_or_finishes_the_stage(percent, finished, over):
    assert agent_trouble.is_over(Trouble(ERROR, "import", 40, BEGAN, False), percent, finished) is over


def test_trouble_at_no_stage_is_not_over_because_no_stage_is_finished():
    assert not agent_trouble.is_over(Trouble(ERROR, None, 40, BEGAN, False), 40)


def test_a_former_error_ends_a_sentence():
    assert agent_trouble.before(job_row()) == ""
    assert agent_trouble.before(job_row(error=ERROR)) == "; before that, db_busy: locked"
    assert len(agent_trouble.before(job_row(error={**ERROR, "message": "x" * 5000}))) == 1000
