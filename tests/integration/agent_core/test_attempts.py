"""What a new attempt keeps and what it repeats; what taking a job back restores."""

import json
import os

from shared.job import values_sha256


def shards(box):
    return [line.split()[2] for line in box.trace if " shard " in line]


def failed_in(box, stage):
    box.with_bundle()
    box.drop()
    box.write_plan(**{stage: {"error": "proof_rows"}})
    assert box.run() == 3


def test_the_same_values_repeat_nothing_that_is_done(box):
    failed_in(box, "prove")
    done = len(box.trace)
    box.write_plan()
    box.drop(attempt=2)
    assert box.run() == 0
    assert [line.split()[0] for line in box.trace[done:] if "begins" in line] == ["prove", "switch"]


def test_another_database_password_renders_placeholder_shards_again_and_only_them(box):
    failed_in(box, "prove")
    assert sorted(shards(box)) == ["files/0001.tar.gz", "files/0002.tar.gz"]
    assert box.state["values_sha256"] == values_sha256(box.job()["values"])
    box.write_plan()
    box.drop(attempt=2, values={"db.password": "another-one"})
    assert box.run() == 0
    assert sorted(shards(box)) == ["files/0001.tar.gz", "files/0002.tar.gz", "files/0002.tar.gz"]
    assert sum(line.startswith("configure begins") for line in box.trace) == 2


def test_any_other_value_starts_at_zero(box):
    failed_in(box, "prove")
    staging = box.home / f".shoplaunch-staging-{box.id}"
    staging.mkdir()
    (staging / "old").write_text("old")
    os.symlink("/etc", staging / "link")
    box.own()
    box.write_plan()
    box.drop(attempt=2, values={"domain": "other.example.com"})
    assert box.run() == 0
    assert sorted(shards(box)) == ["files/0001.tar.gz", "files/0001.tar.gz", "files/0002.tar.gz", "files/0002.tar.gz"]
    assert not staging.exists()
    assert os.path.exists("/etc/passwd")


def test_another_bundle_starts_at_zero(box):
    failed_in(box, "prove")
    box.write_plan()
    box.with_bundle()
    box.drop(attempt=2)
    assert box.run() == 0
    assert len(shards(box)) == 4


def test_after_a_reboot_shards_of_the_earlier_boot_are_unpacked_again(box):
    failed_in(box, "prove")
    path = box.folder / "state.json"
    state = json.loads(path.read_text())
    state["boot"] = "an-earlier-one"
    state["shards"] = dict.fromkeys(state["shards"], "an-earlier-one")
    path.write_text(json.dumps(state))
    box.own()
    box.write_plan()
    box.drop(attempt=2)
    assert box.run() == 0
    assert len(shards(box)) == 4


def test_an_unreadable_state_is_put_aside_and_the_restore_looks_at_what_is_there(box):
    for garbage in (b"", b"{", b"\xff\xfe", b'{"format": 7}', b'{"format": 1, "stages": 3}', b"[" * 100000):
        (box.folder / "state.json").write_bytes(garbage)
        box.with_bundle()
        box.write_plan(preflight={"error": "db_access_denied"})
        box.drop()
        assert box.run() == 3
        assert box.state["error"]["code"] == "db_access_denied"
        assert (box.folder / "state.json.unreadable").read_bytes() == garbage
    box.write_plan()
    box.drop(attempt=2)
    assert box.run() == 0
    assert not box.folder.exists()


def test_every_start_after_done_only_cleans_up(box, controller):
    box.with_bundle()
    box.drop()
    box.cron()
    box.write_plan(database="db_unreachable")
    assert box.run() == 1
    assert box.state["status"] == "done"
    assert not (box.folder / "shop.bundle").exists() and not (box.folder / "job").exists()
    assert box.id in box.crontab
    done, events = len(box.trace), len(controller.events)
    assert box.run() == 1
    box.write_plan()
    assert box.run() == 0
    assert box.trace[done:] == ["ledger dropped"]
    assert len(controller.events) == events
    assert not box.folder.exists()
    assert box.id not in box.crontab


def test_a_permanently_closed_database_does_not_keep_the_agent_forever(box):
    box.with_bundle()
    box.drop()
    box.cron()
    box.write_plan(database="db_access_denied")
    assert box.run() == 0
    assert not box.folder.exists()


def test_files_of_somebody_else_in_the_folder_stay(box):
    box.with_bundle()
    (box.folder / "notes.txt").write_text("mine")
    box.own()
    box.drop()
    assert box.run() == 0
    assert [path.name for path in box.folder.iterdir()] == ["notes.txt"]


def test_an_older_agent_without_the_lock_wakes_up_and_leaves_the_newer_ones_notes_alone(box):
    box.with_bundle()
    box.drop()
    box.write_plan(preflight={"hang": "go"})
    old = box.start()
    box.wait_for(lambda: any(line.startswith("preflight begins") for line in box.trace))
    (box.folder / "lock").unlink()
    box.write_plan(configure={"error": "db_error"})
    box.drop(attempt=2)
    assert box.run() == 1
    notes = (box.folder / "state.json").read_text()
    (box.home / "go").touch()
    assert old.wait(120) == 4
    assert (box.folder / "state.json").read_text() == notes
    assert list((box.folder / "outbox").iterdir()) == []
