"""Who may read and write the agent's folder, and an agent that came as text."""

import os
import stat

import pytest

from controller.agent_archive.ascii_armor import armored


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_what_lay_open_to_others_is_closed_before_any_work(box):
    box.with_bundle()
    box.write_plan(unpack={"wait": "go"})
    box.drop()
    box.own()
    for path, mode in (("", 0o755), ("job", 0o644), ("run", 0o755), ("agent.pyz", 0o664), ("shop.bundle", 0o644)):
        (box.folder / path).chmod(mode)
    process = box.start()
    box.wait_for(lambda: any(line.startswith("unpack begins") for line in box.trace))
    assert {name: oct(mode_of(box.folder / name)) for name in ("", "job", "run", "agent.pyz", "shop.bundle")} == {
        "": "0o700", "job": "0o600", "run": "0o700", "agent.pyz": "0o600", "shop.bundle": "0o600",
    }  # fmt: skip
    (box.home / "go").touch()
    assert process.wait(120) == 0


@pytest.mark.parametrize("how", ["others may write", "another group may write", "somebody else's"])
def test_a_job_file_others_could_have_written_is_refused_until_a_new_one_comes(box, how):
    box.with_bundle()
    box.drop()
    job = box.folder / "job"
    if how == "others may write":
        job.chmod(0o646)
    elif how == "another group may write":
        os.chown(job, box.uid, 65534)
        job.chmod(0o660)
    else:
        os.chown(job, 65534, box.gid)
        job.chmod(0o644)
    for _ in range(2):
        assert box.run() == 3
        assert box.state["error"]["code"] == "job_exposed"
    box.drop(attempt=2)
    assert box.run() == 0, box.errors


def test_a_job_file_the_accounts_own_group_may_write_is_taken(box):
    box.with_bundle()
    box.drop()
    (box.folder / "job").chmod(0o664)
    assert box.run() == 0, box.errors


def test_a_link_in_the_folder_is_not_followed_when_modes_are_set(box):
    box.with_bundle()
    other = box.home / "other"
    other.write_text("mine")
    other.chmod(0o644)
    (box.folder / "link").symlink_to(other)
    box.drop()
    box.own()
    box.run()
    assert mode_of(other) == 0o644


def test_an_agent_that_came_as_text_does_its_work_and_leaves_nothing_behind(box, controller):
    agent = box.folder / "agent.pyz"
    agent.write_bytes(armored(agent.read_bytes()))
    agent.chmod(0o644)
    (box.folder / "agent.sha256").write_text("0" * 64)
    (box.folder / "agent.pyz.123.0a0b0c0d").write_bytes(b"left by a killed start")
    box.with_bundle()
    box.drop()
    box.cron()
    assert box.run() == 0, box.errors
    assert controller.accepted("finished")
    assert not box.folder.exists()


def test_the_launcher_starts_the_text_again_after_it_was_put_back(box):
    agent = box.folder / "agent.pyz"
    binary = agent.read_bytes()
    agent.write_bytes(armored(binary))
    box.own()
    assert box.run("--version") == 0
    assert agent.read_bytes() == binary
    agent.write_bytes(armored(binary))
    assert box.run("--version") == 0
    assert "shoplaunch agent" in box.output
