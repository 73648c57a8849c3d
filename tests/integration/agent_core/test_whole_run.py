"""The agent from its first tick to its own removal, with stand-ins for what needs a shop."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.machine.interpreters import interpreter


def test_a_restore_runs_through_and_leaves_nothing_behind(box, controller):
    box.with_bundle()
    box.drop()
    box.cron()
    assert box.run() == 0, box.errors
    assert not box.folder.exists()
    assert box.crontab == "# my own\n5 5 * * * true\n"
    # Heartbeats and progress come by the clock
    names = [event["event"] for event in controller.accepted() if event["seq"]]
    assert names[0] == "started"
    assert names[-2:] == ["finished", "cleaned"]
    stages = [event["stage"] for event in controller.accepted("stage_finished")]
    assert sorted(stages) == sorted(["verify", "preflight", "unpack", "import", "configure", "prove", "switch"])
    assert box.trace[-1] == "ledger dropped"
    assert set(controller.tokens) == {"Bearer " + "t" * 40}


def test_the_final_event_shows_seconds_bytes_and_memory(box, controller):
    members = box.with_bundle()
    box.drop()
    assert box.run() == 0
    (final,) = controller.accepted("finished")
    evidence = final["evidence"]
    assert set(evidence["stages"]) == {"verify", "preflight", "unpack", "import", "configure", "prove", "switch"}
    assert evidence["bytes_read"] == sum(len(data) for kind, _, data in members.values() if kind == "files")
    assert evidence["peak_rss_bytes"] > 5_000_000
    assert evidence["prove"] == {"as": "planned"}


def test_the_seconds_of_a_stage_include_its_killed_run(box, controller):
    box.with_bundle()
    box.drop(heartbeat_seconds=1)
    box.write_plan(**{"import": {"hang": "never"}})
    process = box.start()
    box.wait_for(lambda: any(line.startswith("import begins") for line in box.trace))
    begun = box.state["stages"]["import"]["started_at"]
    box.wait_for(lambda: box.state["updated_at"] > begun + 1)
    process.kill()
    process.wait(120)
    known = box.state["updated_at"] - begun
    box.write_plan()
    assert box.run() == 0
    assert controller.accepted("finished")[0]["evidence"]["stages"]["import"] >= round(known, 3)


def test_stored_events_are_numbered_without_gap_or_repetition(box, controller):
    box.with_bundle()
    box.drop()
    assert box.run() == 0
    numbers = [event["seq"] for event in controller.accepted() if event["seq"]]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.sampled(of=3, rests=True)
def test_a_final_report_that_could_wait_in_memory_only_is_reported_by_the_next_run(box, controller):
    box.with_bundle()
    box.drop()
    box.cron()
    # Nothing can be written into it
    (box.folder / "outbox").write_text("a file of somebody's")
    controller.answer = lambda event: (503, {}) if event["event"] == "finished" else None
    assert box.run() == 1
    assert controller.accepted("finished") == []
    controller.answer = lambda event: None
    assert box.run() == 0, (box.folder / "agent.log").read_text()
    assert len(controller.accepted("finished")) == 1
    assert os.listdir(box.folder) == ["outbox"]


def test_unpacking_and_importing_happen_in_two_processes(box):
    box.with_bundle()
    box.drop()
    assert box.run() == 0
    pids = {line.split()[0]: line.split()[-1] for line in box.trace if "begins" in line}
    assert pids["unpack"] != pids["import"]
    assert pids["import"] == pids["configure"]


@pytest.mark.parametrize("series", ["3.6", "3.8", "3.13"])
def test_the_whole_agent_runs_on(box, series):
    python = interpreter(series)
    box.with_bundle()
    box.drop()
    assert box.run("run", python=python) == 0, box.errors
    assert not box.folder.exists()


def test_without_a_job_the_agent_does_nothing(box, controller):
    assert box.run() == 3
    assert controller.events == []
    assert box.trace == []


def test_root_is_refused(box, controller):
    box.drop()
    command = ["/usr/bin/python3", "-I", str(box.folder / "agent.pyz"), "run"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 3
    assert "never as root" in done.stderr
    assert controller.events == []


@pytest.mark.parametrize(
    "start",
    [["env", "--ignore-signal=CHLD"], ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]],
    ids=["ends of children ignored", "nothing open"],
)
def test_however_it_is_started_the_helper_holds_the_lock_and_the_job_ends(box, controller, monkeypatch, start):
    command = box.command

    def started_so(*arguments, **how):
        words = command(*arguments, **how)
        place = words.index("--clear-groups") + 1
        return [*words[:place], *start, *words[place:]]

    monkeypatch.setattr(box, "command", started_so)
    box.with_bundle()
    box.drop()
    box.cron()
    box.write_plan(unpack={"hang": "go"})
    process = box.start("run")
    box.wait_for(lambda: any(line.startswith("unpack begins") for line in box.trace))
    lock = box.folder / "lock"
    helper = json.loads(lock.read_text())["processes"][1][0]
    opened = [os.readlink(entry) for entry in Path(f"/proc/{helper}/fd").iterdir()]
    (box.home / "go").touch()
    assert process.wait(120) == 0
    assert str(lock) in opened
    assert not box.folder.exists() and box.id not in box.crontab
    assert controller.accepted("failed") == []
