"""Homes and environments as they really are: odd names, full disks, cron with next to no environment."""

import errno
import json
import os
import subprocess

from tests.support.machine.interpreters import interpreter
from tests.support.worlds.agent_box import Box


def test_names_that_are_no_text_reach_the_controller_as_text(box, controller):
    box.with_bundle()
    box.write_plan(preflight={"error": "docroot_occupied", "message": "it holds b\udcff.txt"})
    box.drop()
    assert box.run("run") == 3
    (failed,) = controller.accepted("failed")
    assert json.dumps(failed, ensure_ascii=False).encode("utf-8")
    assert "b\\udcff.txt" in failed["error"]["message"]


def test_a_home_that_is_full_from_the_start_is_reported(box, controller):
    box.with_bundle()
    box.drop()
    small = 40 * 1024
    folder = box.folder
    used = sum(path.stat().st_size for path in folder.iterdir())
    kept = box.base / "kept"
    folder.rename(kept)
    folder.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={used + small + 65536}", "full", str(folder)], check=True)
    try:
        subprocess.run(["cp", "-a", f"{kept}/.", str(folder)], check=True)
        with open(folder / "ballast", "wb") as stream:
            try:
                while True:
                    os.write(stream.fileno(), b"x" * 4096)
            except OSError as error:
                assert error.errno == errno.ENOSPC
        box.own()
        assert box.run("run") == 1, box.errors
        assert controller.accepted("failed")[-1]["error"]["code"] == "quota_reached"
        (folder / "ballast").unlink()
        assert box.run("run") in (0, 1)
        assert controller.accepted("finished")
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_home_that_cannot_be_written_is_one_sentence(box):
    box.with_bundle()
    box.drop()
    subprocess.run(["mount", "--bind", str(box.home), str(box.home)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(box.home)], check=True)
        assert box.run("run") == 1
        assert box.errors.startswith("read_only: ")
        assert "Traceback" not in box.errors
    finally:
        subprocess.run(["umount", str(box.home)], check=True)


def test_without_any_environment_and_with_any_umask_it_runs_through(box, controller):
    box.with_bundle()
    box.drop()
    box.cron()
    command = [*box.command()[:-2], "/bin/sh", "-c", f"umask 000; exec /bin/sh {box.folder}/run"]
    done = subprocess.run(command, env={"PATH": ""}, executable="/usr/bin/setpriv", capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not box.folder.exists()
    assert "shoplaunch" not in box.crontab


def test_a_state_that_was_lost_does_not_keep_a_cancelled_job_in_the_account(box, controller):
    box.with_bundle()
    box.write_plan(configure={"error": "db_error"})
    box.drop()
    assert box.run("run") == 1
    staging = box.home / f".shoplaunch-staging-{box.id}"
    staging.mkdir(exist_ok=True)
    (box.folder / "state.json").write_text("{")
    (box.root / ".shoplaunch-holding.html").write_text("soon")
    box.own()
    controller.answer = lambda event: (410, {})
    assert box.run("run") == 5
    assert not staging.exists()
    assert list(box.root.iterdir()) == []
    assert "tables dropped" in box.trace


def test_a_document_root_with_a_name_of_another_script_works_on_the_oldest_python(controller, tmp_path):
    oldest = interpreter("3.6")
    box = Box(controller)
    try:
        box.root = box.home / "public_html" / "فروشگاه 'x'"
        box.root.mkdir()
        box.own()
        box.with_bundle()
        box.drop()
        assert box.run("run", python=str(oldest)) == 0, box.errors
        assert controller.accepted("finished")
    finally:
        box.close()
