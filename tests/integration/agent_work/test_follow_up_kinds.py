"""Follow-up jobs on a shop that lives: real agent, account, database; dropped, fenced and reported like a restore."""

import os
import random
import shutil
import signal
import stat
import subprocess
import time

import pytest

from tests.support.machine.interpreters import interpreter
from tests.support.shops.small_shop import (
    COUNTED,
    EDITS,
    HTACCESS,
    OFF,
    ON,
    is_on,
    password,
    populate,
    settings,
    small_job,
)

ALL_ON, ALL_OFF = (True, True, True), (False, False, False)
SHOP_TABLES = {"ps_configuration", "ps_employee"}


@pytest.fixture
def living(shop):
    """An account whose shop lives."""
    populate(shop)
    return shop


def drop(shop, kind="https_on", **changes):
    """Drop a follow-up job, its pin of a bundle taken out."""
    job = small_job(kind, **changes)
    original = shop.job
    shop.job = lambda **more: {key: value for key, value in original(**more).items() if key != "bundle"}
    try:
        return shop.drop(**job)
    finally:
        del shop.job


def nothing_of_ours(shop):
    """Nothing but the shop is left in home, database and crontab."""
    assert not shop.folder.exists()
    assert sorted(path.name for path in shop.home.iterdir()) == ["plan.json", "public_html"]
    assert shop.tables() == SHOP_TABLES
    assert "shoplaunch" not in (shop.crontab or "")
    assert not [path for path in shop.root.rglob("*") if "shoplaunch" in path.name or path.name.endswith(".tmp")]


def test_settings_and_redirects_are_switched_on_and_nothing_of_the_agent_stays(living, controller):
    drop(living)
    living.cron()
    assert living.run() == 0, controller.events[-1]
    assert is_on(living) == ALL_ON
    assert stat.S_IMODE((living.root / "backoffice77" / "config.php").stat().st_mode) == 0o640
    assert (living.root / "backoffice77" / "config.php").stat().st_uid == living.uid
    nothing_of_ours(living)
    reported = [event.get("stage") for event in controller.accepted("stage_finished")]
    assert reported == ["verify", "preflight", "configure", "edit"]
    assert [event["percent"] for event in controller.accepted("stage_finished")] == [10, 30, 60, 90]
    assert controller.accepted("finished") and controller.accepted("cleaned")


def test_the_panels_blocks_stay_byte_for_byte(living):
    drop(living)
    assert living.run() == 0
    block = HTACCESS[HTACCESS.index("# BEGIN") : HTACCESS.index("RewriteEngine")]
    text = (living.root / ".htaccess").read_text()
    assert block in text and text.index(block) == HTACCESS.index(block)


def test_a_new_password_is_set_and_is_in_no_report(living, controller):
    drop(living, "set_admin_password")
    assert living.run() == 0, controller.events[-1]
    assert password(living) == "$2b$10$behind"
    assert "behind" not in str(controller.events)
    nothing_of_ours(living)


def test_a_shop_is_switched_off_and_its_data_stay(living):
    living.query("UPDATE ps_configuration SET value = '1'")
    drop(living, "remove")
    assert living.run() == 0
    assert settings(living)["PS_SSL_ENABLED"] == "0"
    assert (living.root / "index.php").exists()
    nothing_of_ours(living)


@pytest.mark.parametrize("series", ["3.6", "3.13"])
def test_a_follow_up_job_completes_on(living, series):
    python = interpreter(series)
    drop(living)
    assert living.run("run", python=python) == 0, living.errors
    assert is_on(living) == ALL_ON


def test_what_is_edited_already_is_done(living):
    (living.root / "backoffice77" / "config.php").write_text("<?php return ['ssl' => true];\n")
    before = (living.root / "backoffice77" / "config.php").stat()
    drop(living)
    assert living.run() == 0
    assert is_on(living) == ALL_ON
    after = (living.root / "backoffice77" / "config.php").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("spoiled", ["missing", "changed", "twice"])
def test_a_file_that_is_not_as_expected_stops_the_job_before_anything_is_changed(living, controller, spoiled):
    path = living.root / "backoffice77" / "config.php"
    texts = {"changed": "<?php return [];\n", "twice": "<?php return ['ssl' => false, 'ssl' => false];\n"}
    if spoiled == "missing":
        path.unlink()
    else:
        path.write_text(texts[spoiled])
    drop(living)
    living.cron()
    assert living.run() == 3
    assert controller.accepted("failed")[-1]["error"]["code"] == "edit_mismatch"
    assert settings(living)["PS_SSL_ENABLED"] == "0"
    assert (living.root / ".htaccess").read_text() == HTACCESS
    assert "shoplaunch" not in living.crontab


@pytest.mark.parametrize("trap", ["file", "folder", "pipe", "root's"])
def test_no_link_is_followed_and_no_foreign_file_touched(living, controller, trap):
    outside = living.home / "outside"
    outside.mkdir()
    (outside / "config.php").write_text("<?php return ['ssl' => false];\n")
    place = living.root / "backoffice77"
    if trap == "folder":
        (place / "config.php").unlink()
        place.rmdir()
        place.symlink_to(outside)
    else:
        (place / "config.php").unlink()
        if trap == "file":
            (place / "config.php").symlink_to(outside / "config.php")
        elif trap == "pipe":
            os.mkfifo(place / "config.php")
    living.own()
    if trap == "root's":
        (place / "config.php").write_text("<?php return ['ssl' => false];\n")
    drop(living)
    assert living.run() == 3
    assert controller.accepted("failed")[-1]["error"]["code"] == "path_refused"
    assert "false" in (outside / "config.php").read_text()
    assert settings(living)["PS_SSL_ENABLED"] == "0"


@pytest.mark.parametrize("path", ["../outside.txt", "/etc/hostname", "a/../../outside.txt"])
def test_a_path_out_of_the_document_root_is_refused(living, controller, path):
    (living.home / "outside.txt").write_text("old")
    drop(living, edits=[{"path": path, "old": "old", "new": "new"}])
    assert living.run() == 3
    assert controller.accepted("failed")[-1]["error"]["code"] == "unsafe_path"
    assert (living.home / "outside.txt").read_text() == "old"


def test_a_statement_that_finds_too_few_rows_changes_nothing_at_all(living, controller):
    none = {"sql": "UPDATE ps_configuration SET value = 'x' WHERE name = 'NOT THERE'", "params": [], "min_rows": 1}
    drop(living, statements=[ON, none])
    assert living.run() == 3
    assert controller.accepted("failed")[-1]["error"]["code"] == "configure_failed"
    assert is_on(living) == ALL_OFF


def test_a_value_that_does_not_read_back_fails_the_job(living, controller):
    drop(living, statements=[dict(ON, sql="UPDATE ps_configuration SET value = '7' WHERE name = %s")])
    assert living.run() == 3
    assert controller.accepted("failed")[-1]["error"]["code"] == "configure_failed"


def test_a_job_without_anything_to_do_or_with_a_value_nobody_gave_is_refused(living, controller):
    drop(living, statements=[], edits=[])
    assert living.run() == 3
    assert controller.accepted("failed")[-1]["error"]["code"] == "job_invalid"
    drop(living, attempt=2, statements=[dict(ON, params=["@@SL1a2b3c4d:no.such_value:raw@@"])])
    assert living.run() == 3
    assert controller.accepted("failed")[-1]["error"]["code"] == "placeholder_unknown"
    assert is_on(living) == ALL_OFF


@pytest.mark.sampled(of=3, rests=True)
def test_taken_back_by_a_later_attempt_everything_is_as_before(living, controller):
    # The first attempt's last word is not heard, so that its ledger is still there
    controller.answer = lambda event: (503, {}) if event["event"] == "finished" else None
    drop(living)
    assert living.run(seconds=90) == 1
    assert is_on(living) == ALL_ON
    controller.answer = lambda event: None
    drop(living, attempt=2, direction="back")
    assert living.run() == 0, controller.events[-1]
    assert is_on(living) == ALL_OFF
    assert (living.root / ".htaccess").read_text() == HTACCESS
    nothing_of_ours(living)
    finished = [event["stage"] for event in controller.accepted("stage_finished") if event["attempt"] == 2]
    assert finished == ["verify", "preflight", "edit", "configure"]


@pytest.mark.parametrize("moment", ["started", "preflight", "configure", "edit", "finished"])
def test_a_cancelled_follow_up_job_leaves_the_shop_as_it_was(living, controller, moment):
    def cancel(event):
        reached = event["event"] == moment or (event["event"] == "stage_finished" and event.get("stage") == moment)
        if reached:
            controller.answer = lambda event: (410, {})
            return 410, {}
        return None

    controller.answer = cancel
    drop(living)
    living.cron()
    assert living.run() == 5
    assert is_on(living) == ALL_OFF
    assert (living.root / ".htaccess").read_text() == HTACCESS
    nothing_of_ours(living)


def test_a_cancelled_follow_up_job_leaves_a_newer_attempt_s_tree_alone(living, controller):
    tree = living.home / f".shoplaunch-staging-{living.id}"

    def too_late(event):
        if event["event"] != "failed":
            return None
        drop(living, attempt=2)
        tree.mkdir()
        living.own()
        return 410, {}

    controller.answer = too_late
    (living.root / "backoffice77" / "config.php").unlink()
    drop(living)
    assert living.run() == 4
    assert tree.is_dir()


def test_https_the_owner_switched_on_is_not_taken_back_by_a_job_that_did_nothing(living, controller):
    living.query("UPDATE ps_configuration SET value = '1' WHERE name = 'PS_SSL_ENABLED'")
    controller.answer = lambda event: (410, {})
    drop(living)
    assert living.run() == 5
    assert settings(living)["PS_SSL_ENABLED"] == "1"


def test_an_agent_of_an_older_attempt_writes_nothing(living, controller):
    """The older agent is stopped within its transaction; a newer attempt comes and goes; then the older one goes on."""
    lock = living.server.root_connection(living.database)
    with lock.cursor() as cursor:
        cursor.execute("LOCK TABLES ps_configuration WRITE")
    drop(living)
    process = living.start()
    living.wait_for(lambda: _waits(living))
    os.killpg(process.pid, signal.SIGSTOP)
    lock.close()
    # Where file locks fail nobody ends it either
    os.unlink(living.folder / "lock")
    drop(living, "remove", attempt=2, statements=[OFF])
    assert living.run() == 0, controller.events[-1]
    assert settings(living)["PS_SSL_ENABLED"] == "0"
    os.killpg(process.pid, signal.SIGCONT)
    assert process.wait(120) == 4
    assert settings(living) == {"PS_SSL_ENABLED": "0", "CHANGES": "0"}
    assert (living.root / ".htaccess").read_text() == HTACCESS
    assert living.tables() == SHOP_TABLES


def _waits(shop):
    rows = shop.server.query("SELECT info FROM information_schema.processlist WHERE db = %s", shop.database)
    return any("UPDATE ps_configuration" in (row[0] or "") for row in rows)


def test_the_ledger_an_earlier_job_left_is_no_obstacle_and_lets_its_agent_write_no_more(living, controller):
    living.query(
        "CREATE TABLE shoplaunch_attempt (id TINYINT PRIMARY KEY, job VARCHAR(40), attempt INT UNSIGNED,"
        " values_database CHAR(64), values_other CHAR(64)) ENGINE=InnoDB"
    )
    living.query("INSERT INTO shoplaunch_attempt VALUES (1, 'earlierjob', 9, '', '')")
    living.query("CREATE TABLE shoplaunch_ledger (chunk VARCHAR(190) PRIMARY KEY) ENGINE=InnoDB")
    drop(living)
    assert living.run() == 0, controller.events[-1]
    assert is_on(living) == ALL_ON
    nothing_of_ours(living)


def finish(shop, controller):
    """Let ticks come until the agent is gone; what it could not remove any more is the controller's."""
    for _ in range(20):
        if not (shop.folder / "run").exists():
            shutil.rmtree(shop.folder, ignore_errors=True)
            subprocess.run(["crontab", "-u", shop.user, "-r"], capture_output=True, check=False)
            return
        shop.run()
        time.sleep(0.1)
    raise AssertionError(f"never finished: {shop.state} {controller.events[-3:]}")


@pytest.mark.parametrize("seed", range(10))
def test_killed_at_any_instant_the_next_tick_completes_it_and_statements_count_once(living, controller, seed):
    chance = random.Random(seed)
    drop(living)
    living.cron()
    for _ in range(chance.randint(1, 4)):
        process = living.start()
        time.sleep(chance.uniform(0.05, 0.9))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(120)
        if not (living.folder / "run").exists():
            break
    finish(living, controller)
    assert is_on(living) == ALL_ON
    assert settings(living)["CHANGES"] == "1"
    nothing_of_ours(living)


@pytest.mark.parametrize("stage", ["preflight", "configure", "edit"])
@pytest.mark.parametrize("kind", ["stage_started", "stage_finished"])
def test_killed_as_a_stage_begins_or_ends(living, controller, stage, kind):
    killed = []

    def kill(event):
        if not killed and event["event"] == kind and event.get("stage") == stage:
            killed.append(process.pid)
            os.killpg(process.pid, signal.SIGKILL)

    controller.answer = kill
    drop(living)
    process = living.start()
    process.wait(120)
    assert killed
    finish(living, controller)
    assert is_on(living) == ALL_ON
    assert settings(living)["CHANGES"] == "1"
    nothing_of_ours(living)


def test_a_file_half_written_by_a_killed_agent_is_written_anew_and_was_never_in_the_document_root(living, controller):
    staging = living.home / f".shoplaunch-staging-{living.id}"
    staging.mkdir(mode=0o700)
    (staging / "edited.tmp").write_text("half")
    (staging / "edited").write_text("half")
    living.own()
    drop(living)
    assert living.run() == 0, controller.events[-1]
    assert is_on(living) == ALL_ON
    nothing_of_ours(living)


@pytest.mark.sampled(of=3, rests=True)
def test_an_edit_that_adds_to_what_it_finds_is_done_only_once(living, controller):
    adding = [{"path": ".htaccess", "old": "RewriteEngine On\n", "new": "RewriteEngine On\nRewriteBase /\n"}]
    controller.answer = lambda event: (503, {}) if event["event"] == "finished" else None
    drop(living, edits=adding, statements=[COUNTED])
    assert living.run(seconds=90) == 1
    controller.answer = lambda event: None
    drop(living, attempt=2, edits=adding, statements=[COUNTED])
    assert living.run() == 0
    assert (living.root / ".htaccess").read_text().count("RewriteBase /") == 1


def test_the_job_file_can_be_checked_by_hand(living):
    drop(living)
    assert living.run("verify") == 0
    assert living.output == f"job {living.id} is in order\n"
    assert EDITS and is_on(living) == ALL_OFF
