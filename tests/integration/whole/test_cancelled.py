"""Cancelling: whatever was there before is there again, and taking it back brings the shop after all."""

import os
import signal
import subprocess

import pytest

from shared.job import cron_line
from tests.support.waiting import wait_until
from tests.support.worlds.whole import WAIT_SECONDS


def populate(whole, account):
    """Somebody's site and crontab are in the account already."""
    root = whole.world.accounts / account / "public_html"
    root.mkdir(mode=0o750)
    (root / "index.html").write_text("<h1>an old site</h1>")
    (root / ".htaccess").write_text("# mine\nOptions -Indexes\n")
    (root / ".htaccess").chmod(0o640)
    (root / "photos" / "2020").mkdir(parents=True)
    (root / "photos" / "2020" / "a b.jpg").write_bytes(bytes(range(256)))
    (root / "current").symlink_to("photos/2020")
    subprocess.run(["chown", "-R", "-h", f"{account}:{account}", str(root)], check=True)
    own = 'MAILTO=""\n5 5 * * * true\n'
    subprocess.run(["crontab", "-u", account, "-"], input=own, text=True, check=True)
    return own


@pytest.mark.sampled(of=3, rests=True)
def test_cancel_in_the_middle_puts_the_account_back_and_undo_brings_the_shop_after_all(whole):
    account = whole.handmade_account()
    own = populate(whole, account)
    job = whole.quiet_order("--option", "occupied=move", account=account)
    before = whole.snapshot(job)
    whole.stopped_in_the_import(job)
    assert whole.get(job).status_code == 503
    assert whole.snapshot(job) != before

    whole.world.run("cancel", job["id"], "--yes")
    assert whole.show(job)["state"] == "cancelled"
    # What the controller puts there would come after an agent that is quicker
    wait_until(lambda: whole.service.jobs.get(job["id"]).facts["undo"] == "placed", lambda: whole.trouble(job))
    assert whole.run_agent(job) == 5
    assert whole.snapshot(job) == before
    assert not whole.folder(job).exists()
    assert whole.tables(job) == set()
    assert whole.crontab(job) == own
    assert "an old site" in whole.get(job, "/index.html").text
    # Database and user were made for the job alone; the account was there before
    wait_until(lambda: whole.service.jobs.get(job["id"]).facts["undo"] == "done", lambda: whole.trouble(job))
    assert whole.sql("SHOW DATABASES LIKE %s", whole.database(job)) == ()
    assert whole.sql("SELECT 1 FROM mysql.user WHERE User = %s", whole.database(job)) == ()
    assert whole.show(job)["error"] is None

    whole.world.run("cancel", job["id"], "--undo", "--yes")
    assert whole.wait(job, "dropped", "failed")["state"] == "dropped"
    assert whole.crontab(job) == own + cron_line(job["id"]) + "\n"
    assert whole.run_agent(job) == 0
    whole.live(job)
    assert whole.get(job).status_code == 200
    assert whole.crontab(job) == own
    replaced = list((whole.home(job) / ".shoplaunch-replaced").glob("*"))
    assert len(replaced) == 1
    assert (replaced[0] / "photos/2020/a b.jpg").read_bytes() == bytes(range(256))
    assert (replaced[0] / ".htaccess").read_text() == "# mine\nOptions -Indexes\n"


@pytest.mark.sampled(of=2, rests=True)
def test_cancel_while_the_agent_works_stops_it_by_itself(whole):
    job = whole.quiet_order()
    before = whole.snapshot(job)
    process = whole.stopped_in_the_import(job, signal.SIGSTOP)
    whole.service.jobs.cancel(job["id"])
    os.killpg(process.pid, signal.SIGCONT)
    assert process.wait(WAIT_SECONDS) in (4, 5)
    assert whole.show(job)["state"] == "cancelled"

    # The controller may put job file and cron line there once more, even after that; the next ticks take them away
    def is_taken_back():
        if (whole.folder(job) / "run").exists():
            whole.run_agent(job)
        return whole.service.jobs.get(job["id"]).facts["undo"] == "done"

    wait_until(is_taken_back, lambda: whole.trouble(job))
    assert not whole.folder(job).exists() and "shoplaunch" not in whole.crontab(job)
    assert whole.snapshot(job) == before
    assert whole.tables(job) == set()


@pytest.mark.sampled(of=2, rests=True)
def test_cancel_before_anything_was_done_leaves_no_account(whole):
    whole.world.stop_controller()
    try:
        job = whole.order()
        whole.world.run("cancel", job["id"], "--yes")
    finally:
        whole.world.start()
    assert whole.show(job)["state"] == "cancelled"
    whole.later(job, 5)
    assert whole.service.jobs.get(job["id"]).facts["undo"] == "done"
    assert not whole.home(job).exists()
    assert whole.sql("SHOW DATABASES LIKE %s", whole.database(job)) == ()


@pytest.mark.sampled(of=3, rests=True)
def test_cancel_takes_the_account_that_was_made_for_the_order_with_it(whole):
    job = whole.order()
    wait_until(lambda: whole.show(job)["state"] == "restoring", lambda: whole.trouble(job))
    whole.service.jobs.cancel(job["id"])
    wait_until(lambda: whole.service.jobs.get(job["id"]).facts["undo"] == "done", lambda: whole.trouble(job))
    assert whole.show(job)["error"] is None
    assert not whole.home(job).exists()
    assert whole.sql("SHOW DATABASES LIKE %s", whole.database(job)) == ()

    whole.world.run("cancel", job["id"], "--undo", "--yes")
    whole.live(job)
    assert whole.get(job).status_code == 200


@pytest.mark.sampled(of=2, rests=True)
def test_a_live_shop_cannot_be_cancelled(whole):
    job = whole.quiet_order()
    assert whole.run_agent(job) == 0
    whole.live(job)
    done = whole.world.run("cancel", job["id"], "--yes", check=False)
    assert done.returncode == 1
    assert "illegal_transition" in done.stderr
    assert "What to do:" in done.stderr
    assert whole.show(job)["state"] == "live"
    assert whole.get(job).status_code == 200
