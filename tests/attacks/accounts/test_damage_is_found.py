"""What was damaged in an account after it was put there is named and put anew: nobody is sent to look at cron."""

from dataclasses import replace

import pytest

from controller.jobs.steps import drop
from controller.panels.registry import PANELS
from shared.errors import ShoplaunchError
from shared.job import FOLDER, cron_line
from tests.attacks.table import attack

#: Longer than an agent may be silent, whatever it has said before.
LONG_SECONDS = 900


def flip(path, at=-1):
    """One byte of the file is another; its size stays."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def error_of(world, job):
    return world.job(job).error or {}


@attack(
    "Launcher or agent lose a byte after they were put there; size and stamp stay.",
    "Silence names the file (`agent_damaged`), and retry puts it anew.",
)
@pytest.mark.parametrize("name", ["run", "agent.pyz"])
def test_a_damaged_file_is_named_by_silence_and_put_anew_by_retry(world, name):
    job, agent = world.dropped()
    flip(agent.folder / name)
    world.work_later(LONG_SECONDS)
    assert world.job(job).state == "stalled"
    assert error_of(world, job)["code"] == "agent_damaged"
    assert name in error_of(world, job)["message"]
    world.service.jobs.retry(job.id)
    world.work()
    assert (agent.folder / name).read_bytes() == (world.config.agent / name).read_bytes()
    assert name in world.steps(job)["drop"].note


@attack(
    "The agent loses a byte where the panel reads texts alone and cannot show it: it has been started, and is none.",
    "Silence says that it cannot be read through this panel, its advice that it may be damaged; retry puts it anew.",
)
@pytest.mark.parametrize(("started", "code"), [(False, "cron_never_fired"), (True, "agent_silent")])
def test_an_agent_that_cannot_be_judged_is_named_by_silence_and_put_anew_by_retry(world, monkeypatch, started, code):
    job, agent = world.dropped()
    if started:
        agent.send("started")
    flip(agent.folder / "agent.pyz")
    read_back = world.panel.agent_digests
    texts = lambda account: {name: one for name, one in read_back(account).items() if name != "agent.pyz"}  # noqa: E731
    monkeypatch.setattr(world.panel, "agent_digests", texts)
    world.work_later(LONG_SECONDS)
    found = error_of(world, job)
    assert (found["code"], "agent.pyz cannot be read through this panel" in found["message"]) == (code, True)
    assert "retry" in found["advice"] and "may be damaged" in found["advice"]
    world.service.jobs.retry(job.id)
    world.work()
    assert (agent.folder / "agent.pyz").read_bytes() == (world.config.agent / "agent.pyz").read_bytes()


def test_what_is_gone_is_named_as_well(world):
    job, agent = world.dropped()
    (agent.folder / "agent.pyz").unlink()
    world.work_later(LONG_SECONDS)
    assert (error_of(world, job)["code"], "agent.pyz" in error_of(world, job)["message"]) == ("agent_damaged", True)


@attack(
    "The job file is damaged while the agent works, which leaves at once: nothing there is the controller's any more.",
    "Silence names the job file (`agent_damaged`), and retry puts it anew.",
)
def test_a_damaged_job_file_is_named_by_silence_and_put_anew_by_retry(world):
    job, agent = world.dropped()
    agent.send("started")
    flip(agent.folder / "job", at=40)
    world.work_later(LONG_SECONDS)
    assert (world.job(job).state, error_of(world, job)["code"]) == ("stalled", "agent_damaged")
    assert f"{FOLDER}/job" in error_of(world, job)["message"]
    world.service.jobs.retry(job.id)
    world.work()
    assert world.job(job).state == "dropped"
    world.work_later(LONG_SECONDS)
    assert error_of(world, job)["code"] == "cron_never_fired"


def commented(line):
    return "#" + line


def at_night(line):
    return line.replace("* * * * *", "0 3 * * *", 1)


def elsewhere(line):
    return line.replace("~/.shoplaunch/run", "~/.trash/run")


@attack(
    "Somebody changes the job's cron line (commented out, at night only, another program); its comment stays.",
    "Silence says that the line was changed, and retry puts it there anew.",
)
@pytest.mark.parametrize("change", [commented, at_night, elsewhere])
def test_a_changed_cron_line_is_named(world, change):
    job, _ = world.dropped()
    world.panel.crontabs["alice"] = [change(cron_line(job.id))]
    world.work_later(LONG_SECONDS)
    assert error_of(world, job)["code"] == "agent_damaged"
    assert "cron line" in error_of(world, job)["message"]
    world.service.jobs.retry(job.id)
    world.work()
    assert world.panel.crontabs["alice"].count(cron_line(job.id)) == 1


def test_where_everything_is_as_it_was_put_cron_is_what_is_wrong(world):
    job, _ = world.dropped()
    world.panel.crontabs["alice"] = [cron_line(job.id).replace("* * * * *", "*/5 * * * *", 1)]
    world.work_later(LONG_SECONDS)
    assert error_of(world, job)["code"] == "cron_never_fired"


def test_a_panel_that_cannot_show_the_files_changes_nothing_about_the_verdict(world):
    job, agent = world.dropped()
    flip(agent.folder / "run")

    def refuse(_account):
        raise ShoplaunchError("path_refused", "a link is in the way")

    world.panel.agent_digests = refuse
    world.work_later(LONG_SECONDS)
    assert error_of(world, job)["code"] == "cron_never_fired"


@attack(
    "A copy of the bundle on the account's server is damaged at one member, its manifest is whole.",
    "After retry the agent is given the controller's address alone, and no copy.",
)
@pytest.mark.parametrize("code", ["bundle_digest", "bundle_damaged"])
def test_after_a_damaged_copy_of_the_bundle_the_agent_fetches_it(world, monkeypatch, code):
    monkeypatch.setitem(PANELS, "local", replace(PANELS["local"], is_here=False))
    monkeypatch.setattr(drop, "_shared_folder", lambda _work, *, paid: "/srv/bundles")
    job, agent = world.dropped()
    assert {"path", "url"} <= set(agent.payload["bundle"])
    agent.fail(code)
    world.work()
    world.service.jobs.retry(job.id)
    world.work()
    again = type(agent)(world, job)
    assert (again.attempt, "url" in again.payload["bundle"], "path" in again.payload["bundle"]) == (2, True, False)
