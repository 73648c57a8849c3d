"""Job files nobody should work for: each has its code, and the account stays as it was."""

import json
import time

import pytest

from shared.schema import validate
from tests.support.worlds.agent_box import Keys


def untouched(box):
    return box.trace == [] and list(box.root.iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-4] + ("AAAA" if text[-4:] != "AAAA" else "BBBB"),
        lambda text: text[: len(text) // 2],
        lambda text: text.rpartition(".")[0],
        lambda text: "",
        lambda text: "{}",
        lambda text: "." * 5000,
    ],
)
def test_an_altered_or_unsigned_file_is_refused(box, controller, change):
    box.drop()
    path = box.folder / "job"
    path.write_text(change(path.read_text()))
    assert box.run() == 3
    assert box.state["error"]["code"] == "signature_invalid"
    assert untouched(box) and controller.events == []


def test_a_file_by_another_controller_is_refused(box, controller):
    box.drop(keys=Keys())
    assert box.run() == 3
    assert box.state["error"]["code"] == "signature_invalid"
    # The writer may have named any job
    assert box.state["refused"] is None
    assert untouched(box) and controller.events == []


def test_a_signature_for_another_purpose_is_refused(box, controller):
    box.drop(purpose="certificate")
    assert box.run() == 3
    assert box.state["error"]["code"] == "signature_invalid"
    assert untouched(box) and controller.events == []


def test_a_file_for_another_account_disturbs_nobody(box, controller):
    box.drop(account={"user": "somebody", "home": str(box.home), "root": str(box.root)})
    assert box.run() == 3
    assert box.state["error"]["code"] == "wrong_account"
    assert box.state["refused"] == {"job": box.id, "attempt": 1}
    assert untouched(box) and controller.events == []


def test_a_file_for_another_home_is_refused(box):
    box.drop(account={"user": box.user, "home": "/home/other", "root": "/home/other/www"})
    assert box.run() == 3
    assert box.state["error"]["code"] == "wrong_account"


@pytest.mark.parametrize(
    ("change", "code", "names_its_job"),
    [
        ({"format": 2}, "job_format", True),
        ({"attempt": 0}, "job_invalid", False),
        ({"attempt": True}, "job_invalid", False),
        ({"job": ["x"]}, "job_invalid", False),
        ({"surprise": 1}, "job_invalid", True),
    ],
)
def test_a_file_of_another_form_is_refused(box, change, code, names_its_job):
    box.drop(**change)
    assert box.run() == 3
    assert box.state["error"]["code"] == code
    assert box.state["refused"] == ({"job": box.id, "attempt": 1} if names_its_job else None)
    assert untouched(box)
    validate("state", box.state, "stale_state")


def test_a_refused_attempt_leaves_what_the_one_before_did_to_the_next(box, controller):
    box.with_bundle()
    box.drop()
    box.write_plan(configure={"error": "configure_failed"})
    assert box.run() == 3
    box.drop(attempt=2, format=2)
    assert box.run() == 3
    assert (box.state["error"]["code"], box.state["refused"]) == ("job_format", {"job": box.id, "attempt": 2})
    box.write_plan()
    box.drop(attempt=3)
    done = len(box.trace)
    assert box.run() == 0
    assert not any(line.startswith("import begins") for line in box.trace[done:])


def test_a_job_file_that_vanished_after_the_start_is_reported_through_the_state(box):
    box.with_bundle()
    box.drop()
    box.write_plan(preflight={"error": "disk_space"})
    assert box.run() == 1
    (box.folder / "job").unlink()
    assert box.run() == 3
    assert (box.state["job"], box.state["attempt"]) == (box.id, 1)
    assert (box.state["status"], box.state["error"]["code"]) == ("failed", "job_missing")


def test_a_job_from_the_future_is_reported_and_tried_again(box, controller):
    box.with_bundle()
    now = int(time.time())
    box.drop(issued_at=now + 3600, expires_at=now + 7200)
    box.cron()
    assert box.run() == 1
    assert [event["error"]["code"] for event in controller.accepted("failed")] == ["clock_skew"]
    assert box.id in box.crontab
    box.drop()
    assert box.run() == 0


def test_an_expired_job_ends_and_takes_its_cron_line_with_it(box, controller):
    box.with_bundle()
    now = int(time.time())
    box.drop(issued_at=now - 7200, expires_at=now - 3600)
    box.cron()
    assert box.run() == 3
    (error,) = (event["error"] for event in controller.accepted("failed"))
    assert error["code"] == "job_expired"
    # Whether it is the job or the clock that is wrong is seen by that
    assert "1 hours ago by this account's clock" in error["message"]
    assert box.id not in box.crontab
    assert untouched(box)
    assert (box.folder / "agent.pyz").exists()


def test_a_clock_that_runs_ahead_is_distinguished_from_an_expired_job(box, controller):
    now = int(time.time())
    box.with_bundle()
    box.drop(issued_at=now - 7200, expires_at=now - 3600)
    box.cron()
    original = controller.receive

    def at_an_earlier_hour(handler, event):
        handler.date_time_string = lambda timestamp=None: time.strftime(
            "%a, %d %b %Y %H:%M:%S GMT", time.gmtime(now - 5400)
        )
        original(handler, event)

    controller.receive = at_an_earlier_hour
    assert box.run() == 1
    assert [event["error"]["code"] for event in controller.accepted("failed")] == ["clock_skew"]
    assert box.id in box.crontab


@pytest.fixture
def unheard(box, controller):
    """The account's clock is an hour past the job's validity, and the controller is down."""
    now = int(time.time())
    box.with_bundle()
    box.drop(issued_at=now - 7200, expires_at=now - 3600)
    box.cron()
    controller.close()
    return box


def test_a_clock_ahead_without_word_from_the_controller_ends_no_job(unheard):
    assert unheard.run() == 1
    assert (unheard.state["status"], unheard.state["error"]["code"]) == ("waiting", "clock_skew")
    assert unheard.id in unheard.crontab
    unheard.drop()
    assert unheard.run() in (0, 1)
    assert unheard.state["expired"] is None


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize(("boot", "seconds", "code"), [("", 1800, 1), ("", 3601, 3), ("another", 3601, 1)])
def test_a_job_that_one_boot_has_seen_expired_for_an_hour_ends(unheard, boot, seconds, code):
    unheard.run()
    state = unheard.state
    since = state["expired"]["since"] - seconds
    state["expired"] = {"boot": boot or state["expired"]["boot"], "since": since}
    (unheard.folder / "state.json").write_text(json.dumps(state))
    assert unheard.run() == code
    assert (unheard.id in unheard.crontab) == (code == 1)


def test_a_callback_that_is_not_encrypted_is_never_used(box, controller):
    box.with_bundle()
    box.drop(callback={"url": "http://198.51.100.1/events", "token": "t" * 40})
    assert box.run(seconds=120) == 3
    assert box.state["error"]["code"] == "job_invalid"
    assert box.state["refused"] == {"job": box.id, "attempt": 1}
    assert box.trace == []


def test_a_follow_up_job_that_changes_nothing_is_refused_with_a_report(box, controller):
    box.drop(kind="remove")
    assert box.run() == 3
    assert [event["error"]["code"] for event in controller.accepted("failed")] == ["job_invalid"]


def test_a_missing_value_is_found_before_anything_is_written(box, controller):
    box.with_bundle()
    job = box.job()
    del job["values"]["domain"]
    box.drop(values={}, **{})
    from shared.signing import serializer
    from tests.support.worlds.agent_box import sign

    (box.folder / "job").write_text(serializer("job", [box.keys.private], sign=sign).dumps(job))
    assert box.run() == 3
    assert [event["error"]["code"] for event in controller.accepted("failed")] == ["placeholder_unknown"]
    assert box.trace == []


def test_an_older_job_file_put_back_by_a_backup_is_not_worked_for(box, controller):
    box.with_bundle()
    box.drop(attempt=2)
    box.write_plan(preflight={"error": "disk_space"})
    assert box.run() == 1
    before = len(controller.events)
    box.drop(attempt=1)
    assert box.run() == 4
    assert len(controller.events) == before
