"""What the controller's answers make the agent do."""

import json
import threading

import pytest

from shared.events import PERCENT_AFTER
from tests.support.servers.web.controller_stub import Controller


def test_409_ends_the_agent_at_once_and_it_touches_nothing(box, controller):
    box.with_bundle()
    box.drop()
    box.cron()
    before = box.crontab
    controller.answer = lambda event: (409, {})
    assert box.run() == 4
    assert box.trace == []
    assert box.crontab == before
    assert (box.folder / "job").exists() and (box.folder / "shop.bundle").exists()


def test_409_during_the_work_ends_parent_and_helper(box, controller):
    box.with_bundle()
    box.drop(heartbeat_seconds=1)
    box.write_plan(unpack={"hang": "never"}, **{"import": {"hang": "never"}})
    process = box.start()
    box.wait_for(lambda: len([line for line in box.trace if "begins" in line]) == 3)
    state = (box.folder / "state.json").read_text()
    controller.answer = lambda event: (409, {})
    assert process.wait(120) == 4
    after = json.loads((box.folder / "state.json").read_text())
    assert after["stages"] == json.loads(state)["stages"]
    assert not any("ends" in line for line in box.trace if line.startswith(("unpack", "import")))


def test_410_takes_everything_back_and_the_agent_leaves(box, controller):
    box.with_bundle()
    (box.root / ".htaccess").write_bytes(b"Options -Indexes\n")
    box.own()
    box.drop(heartbeat_seconds=1)
    box.cron()
    box.write_plan(**{"import": {"wait": "never"}})
    process = box.start()
    box.wait_for(lambda: any(line.startswith("import begins") for line in box.trace))
    controller.answer = lambda event: (410, {}) if event["event"] != "cleaned" else None
    assert process.wait(120) == 5
    assert "tables dropped" in box.trace
    assert not box.folder.exists()
    assert box.crontab == "# my own\n5 5 * * * true\n"
    assert (box.root / ".htaccess").read_bytes() == b"Options -Indexes\n"


def test_410_takes_nothing_back_once_the_job_file_names_a_newer_attempt(box, controller):
    box.with_bundle()
    box.drop()
    box.cron()
    before = box.crontab

    def too_late(event):
        if event["event"] != "failed":
            return None
        box.drop(attempt=2)
        return 410, {}

    controller.answer = too_late
    box.write_plan(prove={"error": "db_access_denied"})
    assert box.run() == 4
    assert "tables dropped" not in box.trace
    assert box.state["stages"]["unpack"]["state"] == "done" and box.crontab == before
    controller.answer = lambda event: None
    box.write_plan()
    assert box.run() == 0
    # The newer attempt goes on from there
    assert sum(line.startswith("unpack begins") for line in box.trace) == 1


def test_410_waits_for_a_database_that_is_away(box, controller):
    box.with_bundle()
    box.drop()
    box.cron()
    box.write_plan(preflight={"error": "disk_space"})
    assert box.run() == 1
    controller.answer = lambda event: (410, {})
    box.write_plan(database="db_unreachable")
    assert box.run() == 1
    assert (box.folder / "job").exists()
    box.write_plan()
    assert box.run() == 5
    assert not box.folder.exists()


def test_a_refused_token_stops_the_work_and_keeps_everything(box, controller):
    box.with_bundle()
    box.drop()
    box.cron()
    controller.answer = lambda event: (401, {})
    assert box.run() == 3
    assert box.state["error"]["code"] == "callback_refused"
    assert box.trace == []
    assert box.id in box.crontab


def test_403_is_a_gatekeepers_word_not_the_controllers_and_is_tried_again(box, controller):
    """Our controller never answers an event so: a proxy or firewall on the way does, for a while."""
    box.with_bundle()
    box.drop()
    refusals = iter([(403, {"Retry-After": "0"})] * 2)
    controller.answer = lambda event: next(refusals, None)
    assert box.run(seconds=120) == 0
    assert [status for status, _ in controller.events][:2] == [403, 403]
    assert [event["event"] for event in controller.accepted("started", "finished")] == ["started", "finished"]
    assert not box.folder.exists()


def test_an_unreachable_controller_does_not_stop_the_work_only_the_cleaning_up(box, controller):
    box.with_bundle()
    port = controller.port
    controller.close()
    box.drop()
    box.cron()
    assert box.run(seconds=120) == 1
    assert any(line.startswith("switch ends") for line in box.trace)
    assert box.state["status"] == "waiting" and box.state["error"]["code"] == "callback_failed"
    assert box.state["callback"]["waiting"] > 10
    assert box.id in box.crontab
    again = Controller(port)
    try:
        done = len(box.trace)
        assert box.run() == 0
        assert [line for line in box.trace[done:] if "begins" in line] == []
        names = [event["event"] for event in again.accepted()]
        assert names.count("started") == 1 and names.count("finished") == 1
        numbers = [event["seq"] for event in again.accepted() if event["seq"]]
        assert numbers == sorted(numbers)
    finally:
        again.close()
    assert not box.folder.exists()


def test_errors_of_the_controller_are_tried_again_in_order(box, controller):
    box.with_bundle()
    box.drop()
    refused = []

    def twice_each(event):
        if event["seq"] and refused.count(event["seq"]) < 1:
            refused.append(event["seq"])
            return 503, {"Retry-After": "0"}
        return None

    controller.answer = twice_each
    assert box.run(seconds=120) == 0
    numbers = [event["seq"] for event in controller.accepted() if event["seq"] and event["event"] != "cleaned"]
    assert numbers == list(range(1, len(numbers) + 1))


def test_heartbeats_go_on_while_a_stage_says_nothing(box, controller):
    box.with_bundle()
    box.drop(heartbeat_seconds=1)
    box.write_plan(switch={"hang": "go"})
    process = box.start()
    box.wait_for(lambda: any(line.startswith("switch begins") for line in box.trace))
    seen = len(controller.accepted("heartbeat"))
    controller.wait_for(lambda: len(controller.accepted("heartbeat")) >= seen + 2)
    beat = controller.accepted("heartbeat")[-1]
    assert beat["seq"] == 0 and beat["stage"] == "switch" and beat["percent"] == PERCENT_AFTER["prove"]
    (box.home / "go").touch()
    assert process.wait(120) == 0


@pytest.mark.sampled(of=3, rests=True)
def test_a_permanent_failure_waits_for_its_acknowledgement_then_removes_the_cron_line(box, controller):
    box.with_bundle()
    box.drop()
    box.cron()
    box.write_plan(preflight={"error": "db_access_denied", "message": "denied with pässword-1"})
    deaf = threading.Event()
    controller.answer = lambda event: (500, {}) if not deaf.is_set() and event["event"] == "failed" else None
    assert box.run(seconds=120) == 3
    assert box.id in box.crontab
    deaf.set()
    done = len(box.trace)
    assert box.run() == 3
    assert box.trace[done:] == []
    (failed,) = controller.accepted("failed")
    assert failed["error"]["code"] == "db_access_denied"
    assert box.id not in box.crontab
    for name in ("job", "agent.pyz", "run", "shop.bundle"):
        assert (box.folder / name).exists()


def test_no_secret_is_in_any_event_log_or_state(box, controller):
    box.with_bundle()
    box.drop()
    box.write_plan(preflight={"error": "db_access_denied", "message": "denied with pässword-1 and c00kie-key"})
    assert box.run() == 3
    box.drop(attempt=2)
    box.write_plan(preflight={"bug": True})
    assert box.run() == 1
    texts = [json.dumps(event, ensure_ascii=False) for _, event in controller.events]
    texts += [
        path.read_text()
        for path in box.folder.iterdir()
        if path.is_file() and path.name.startswith(("agent.log", "st"))
    ]
    for secret in ("pässword-1", "c00kie-key", "t" * 40):
        assert not any(secret in text for text in texts)
    assert controller.accepted("failed")[0]["log"]


def test_what_a_retry_alone_may_mend_leaves_the_cron_line(box, controller):
    box.with_bundle()
    box.drop()
    box.cron()
    box.write_plan(preflight={"oserror": 122})
    assert box.run() == 1
    assert controller.accepted("failed")[0]["error"]["code"] == "quota_reached"
    assert box.id in box.crontab
    box.write_plan()
    assert box.run() == 0
