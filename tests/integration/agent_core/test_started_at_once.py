"""An agent that cron did not start: a session of its own, limits with room, else the work is cron's; never two."""

import json
import os
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.machine.interpreters import interpreter

MIB = 1024 * 1024


@pytest.fixture
def rung(box, monkeypatch):
    """Return what makes the next starts of `box` such ones, under the words `how` (a command in front of them)."""
    command = box.command

    def ring(*how):
        def started_so(*arguments, **more):
            words = command(*arguments, **more)
            place = next(number for number, word in enumerate(words) if number and not word.startswith("--"))
            return [*words[:place], "env", "SHOPLAUNCH_START=web", *how, *words[place:]]

        monkeypatch.setattr(box, "command", started_so)

    yield ring


def by_cron(box, monkeypatch):
    monkeypatch.undo()


def is_pythons_own(words):
    """Return whether Python complains that the archive is gone, of which it had loaded nothing."""
    return "agent.pyz" in words and "agent/" not in words


def test_it_does_the_work_as_one_that_cron_started(box, controller, rung):
    rung()
    box.with_bundle()
    box.drop()
    box.cron()
    assert box.run() == 0, box.errors
    assert not box.folder.exists() and box.id not in box.crontab
    assert controller.accepted("failed") == []


@pytest.mark.parametrize("series", ["3.6", "3.13"])
def test_it_does_so_on(box, rung, series):
    rung()
    box.with_bundle()
    box.drop()
    assert box.run("run", python=interpreter(series)) == 0, box.errors


@contextmanager
def at_work(box):
    """Give the process id of the box's agent, started and held while it unpacks; it does the rest at the end."""
    box.with_bundle()
    box.drop()
    box.write_plan(unpack={"hang": "go"})
    box.start("run")
    box.wait_for(lambda: any(line.startswith("import begins") for line in box.trace))
    (pid, _start), *_ = json.loads((box.folder / "lock").read_text())["processes"]
    yield pid
    (box.home / "go").touch()
    box.wait_for(lambda: not box.folder.exists())


@pytest.mark.parametrize("how", [(), ("sh", "-c", '"$@"; :', "sh")], ids=["in a session", "in a group"])
def test_its_session_is_its_own(box, rung, how):
    rung(*how)
    with at_work(box) as pid:
        assert os.getsid(pid) == pid


def test_nothing_is_left_of_whatever_started_it(box, rung):
    opens = 'exec 7</etc/passwd 251</etc/group; exec env --block-signal=TERM,USR1 "$@"'
    rung("bash", "-c", opens, "bash")
    with at_work(box) as pid:
        opened = {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}
        assert not opened & {"/etc/passwd", "/etc/group"}
        assert "SigBlk:\t0000000000000000" in Path(f"/proc/{pid}/status").read_text()


def test_the_first_of_a_group_gets_a_session_too(box, rung):
    leads = "import os, sys; os.setpgid(0, 0); os.execvp(sys.argv[1], sys.argv[1:])"
    # Not the first of its session, but of its group
    rung("sh", "-c", 'python3 -c "$0" "$@"; :', leads)
    with at_work(box) as pid:
        assert os.getsid(pid) == pid


def test_its_soft_limits_are_raised(box, rung):
    rung("prlimit", "--cpu=100:1000", f"--as={60 * MIB}:{1000 * MIB}", "--nproc=50:500", f"--fsize={MIB}:{500 * MIB}")
    with at_work(box) as pid:
        rows = [line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if line.startswith("Max")]
        limits = {line[:26].strip(): line[26:].split()[:2] for line in rows}
        assert limits["Max cpu time"] == ["1000"] * 2
        assert limits["Max address space"] == [str(1000 * MIB)] * 2
        assert limits["Max processes"] == ["500"] * 2
        assert limits["Max file size"] == [str(500 * MIB)] * 2


@pytest.mark.parametrize(
    ("limit", "what"),
    [
        ("--cpu=30", "processor seconds 30"), (f"--as={100 * MIB}", "address space"), ("--nproc=7", "processes 7"),
        (f"--fsize={32 * MIB}", "bytes of a file"), (f"--data={100 * MIB}", "data"),
    ],
)  # fmt: skip
def test_limits_without_room_leave_the_work_to_cron_which_does_it(box, controller, monkeypatch, rung, limit, what):
    rung("prlimit", limit)
    box.with_bundle()
    box.drop()
    box.cron()
    assert box.run("run") == 7, box.errors
    state = box.state
    assert (state["status"], state["error"]["code"]) == ("waiting", "limits_too_small")
    assert what in state["error"]["message"]
    (event,) = controller.accepted()
    assert (event["event"], event["error"]["code"], event["error"]["retryable"]) == ("failed", "limits_too_small", True)
    assert "limits_too_small" in (box.folder / "agent.log").read_text()
    assert box.id in box.crontab and (box.folder / "job").exists() and box.trace == []
    by_cron(box, monkeypatch)
    assert box.run("run") == 0, box.errors
    assert not box.folder.exists() and box.id not in box.crontab
    assert len(controller.accepted("finished")) == 1


def test_a_large_bundle_needs_room_for_its_file(box, controller, rung):
    rung("prlimit", f"--fsize={100 * MIB}")
    box.with_bundle()
    box.drop(bundle={**box.pin, "size": 200 * MIB})
    assert box.run("run") == 7
    assert "bytes of a file" in box.state["error"]["message"]


def test_limits_are_nobodys_business_where_cron_started_it(box, monkeypatch):
    command = box.command

    def under_limits(*arguments, **more):
        words = command(*arguments, **more)
        place = words.index("--clear-groups") + 1
        return [*words[:place], "prlimit", "--cpu=30", *words[place:]]

    monkeypatch.setattr(box, "command", under_limits)
    box.with_bundle()
    box.drop()
    assert box.run("run") == 0, box.errors


STAGES = ("verify", "preflight", "unpack", "import", "configure", "prove", "switch", "report")


@pytest.mark.parametrize("first", ["ring", "cron"])
@pytest.mark.parametrize("stage", STAGES[2:7])
def test_who_comes_second_in_any_stage_is_only_a_tick(box, controller, monkeypatch, rung, stage, first):
    """The lock decides: the second start leaves at once, and the shop is made once."""
    if first == "ring":
        rung()
    box.with_bundle()
    box.drop()
    box.cron()
    box.write_plan(**{stage: {"hang": "go"}})
    process = box.start("run")
    box.wait_for(lambda: any(line.startswith(f"{stage} begins") for line in box.trace))
    by_cron(box, monkeypatch) if first == "ring" else rung()
    assert box.run("run") == 6
    assert process.poll() is None
    (box.home / "go").touch()
    assert process.wait(120) == 0
    assert not box.folder.exists() and box.id not in box.crontab
    assert sum(line.startswith(f"{stage} begins") for line in box.trace) == 1
    assert len(controller.accepted("finished")) == 1


@pytest.mark.parametrize("stage", STAGES[2:7])
def test_a_rung_agent_that_is_ended_in_any_stage_is_gone_on_with_by_cron(box, controller, monkeypatch, rung, stage):
    rung()
    box.with_bundle()
    box.drop()
    box.cron()
    box.write_plan(**{stage: {"hang": "never"}})
    process = box.start("run")
    box.wait_for(lambda: any(line.startswith(f"{stage} begins") for line in box.trace))
    process.kill()
    process.wait(120)
    box.write_plan()
    by_cron(box, monkeypatch)
    # A helper that lost its parent leaves by itself
    box.wait_for(lambda: box.run("run") == 0 or not box.folder.exists())
    assert not box.folder.exists() and box.id not in box.crontab
    assert len(controller.accepted("finished")) == 1


def test_many_starts_at_once_make_one_shop(box, controller, monkeypatch, rung):
    box.with_bundle()
    box.drop()
    box.cron()
    processes = []
    for number in range(12):
        if number % 2:
            by_cron(box, monkeypatch)
        else:
            rung()
        processes.append(box.start("run"))
    words = [process.communicate(timeout=120)[1] for process in processes]
    # Python itself has no other words for an archive that went before it was read
    codes = [process.returncode for process, said in zip(processes, words, strict=True) if not is_pythons_own(said)]
    assert codes.count(0) >= 1 and set(codes) <= {0, 3, 6}, (codes, words)
    assert not box.folder.exists() and box.id not in box.crontab
    assert len(controller.accepted("finished")) == 1
    assert sum(line.startswith("switch begins") for line in box.trace) == 1
