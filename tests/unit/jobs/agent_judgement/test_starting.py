"""How an agent was started, how long that took, and when it is to be expected."""

import pytest

from controller.db.facts import Asked, Facts, FirstReport
from controller.jobs.agent_judgement import starting
from controller.jobs.agent_judgement.starting import ANSWER_SECONDS, CRON, Start
from controller.panels.start import WAYS
from tests.support.state.job_rows import job_row

WAY = WAYS[0]
STARTED = {"event": "started"}
LIMITED = {"event": "failed", "error": {"code": "limits_too_small"}}


@pytest.mark.parametrize(
    ("known", "event", "expected"),
    [
        (Facts(), {**STARTED, "start": WAY}, Facts(first_event=FirstReport(9.0, WAY))),
        (Facts(), {**STARTED, "start": "cron"}, Facts(first_event=FirstReport(9.0, CRON))),
        (Facts(), {**STARTED, "start": "by hand"}, Facts(first_event=FirstReport(9.0, CRON))),
        (Facts(), STARTED, Facts(first_event=FirstReport(9.0, CRON))),
        (Facts(), LIMITED, Facts(limited=True)),
        (Facts(limited=True), STARTED, Facts(limited=True, first_event=FirstReport(9.0, CRON))),
        (Facts(), {"event": "failed", "error": {"code": "db_error"}}, None),
        (Facts(), {"event": "failed"}, None),
        (Facts(), {"event": "heartbeat"}, None),
        (Facts(first_event=FirstReport(8.0, CRON)), {**STARTED, "start": WAY}, None),
        (Facts(first_event=FirstReport(8.0, CRON)), LIMITED, None),
    ],
)
def test_the_first_report_is_noted_and_nothing_after_it(known, event, expected):
    assert starting.first_event(known, event, 9.0) == expected


def known_of(*, first=None, **more):
    """Return facts with the first report by the way `first`."""
    return Facts(first_event=first and FirstReport(9.0, first), **more)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (known_of(), None),
        (known_of(start=Asked(WAY)), None),
        (known_of(start=Asked("", "off")), None),
        (known_of(first=WAY, start=Asked(WAY)), (WAY, "")),
        (known_of(first=WAY), (WAY, "")),
        (known_of(first=CRON, start=Asked(WAY)), (WAY, "unheard")),
        (known_of(first=CRON, start=Asked(WAY), limited=True), (WAY, "limited")),
        (known_of(start=Asked(WAY), limited=True), (WAY, "limited")),
        (known_of(first=CRON, start=Asked("", "off")), None),
        (known_of(first=CRON), None),
    ],
)
def test_what_agents_have_reported_of_a_start_at_once(known, expected):
    assert starting.reported(known) == expected


def asked(**more):
    return {"way": WAY, "reason": "", "seconds": 2.0, "at": 100.0, **more}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, None),
        ({"start": asked()}, None),
        ({"first_event": {"at": 103.0, "way": WAY}, "start": asked()}, Start(WAY, "", 3.0)),
        ({"first_event": {"at": 160.0, "way": CRON}, "start": asked()}, Start(CRON, "unheard", 60.0)),
        ({"first_event": {"at": 160.0, "way": CRON}, "start": asked(), "limited": True}, Start(CRON, "limited", 60.0)),
        ({"first_event": {"at": 160.0, "way": CRON}, "start": asked(way="", reason="off")}, Start(CRON, "off", 60.0)),
        ({"first_event": {"at": 160.0, "way": CRON}}, Start(CRON, "", None)),
        ({"first_event": {"at": 103.0, "way": WAY}, "start": asked(at=None)}, Start(WAY, "", None)),
        ({"first_event": {"at": 90.0, "way": WAY}, "start": asked()}, Start(WAY, "", 0.0)),
    ],
    ids=["nothing", "not reported", "at once", "cron", "limited", "never tried", "cron not noted", "no time",
         "the clock was set back"],
)  # fmt: skip
def test_how_the_agent_was_started_and_how_long_it_took(facts, expected):
    assert starting.of(job_row(facts=facts)) == expected


@pytest.mark.parametrize(
    ("columns", "now", "seconds"),
    [
        ({"state": "restoring"}, 3601.0, None),
        ({"state": "live"}, 3601.0, None),
        ({}, 3601.0, 59.0),
        ({}, 3600.0, 60.0),
        ({"facts": {"cron_seconds": 300}}, 3601.0, 299.0),
        ({"facts": {"cron_seconds": 900}}, 3600.0 + 899.0, 1.0),
        ({"facts": {"start": asked(at=3600.0)}}, 3602.0, 0.0),
        ({"facts": {"start": asked(at=3600.0)}}, 3602.0 + ANSWER_SECONDS - 0.5, 0.0),
        ({"facts": {"start": asked(at=3600.0)}}, 3602.0 + ANSWER_SECONDS, 48.0),
        ({"facts": {"start": asked(at=3600.0, way="", reason="off")}}, 3602.0, 58.0),
        ({"facts": {"start": asked(at=None)}}, 3602.0, 58.0),
    ],
)
def test_when_an_agent_is_expected(columns, now, seconds):
    assert starting.expected_in(job_row(**columns), now) == seconds
