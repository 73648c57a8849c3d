"""An account whose network lets nothing out: the shop goes live all the same, or is taken back, through the panel."""

import subprocess

import pytest

from tests.support.waiting import wait_until


def run_cut_off(whole, job):
    """Run the launcher as cron would, in a network of its own that leads nowhere; return the exit code.

    Nor is the controller's socket to be seen there.
    """
    entry = whole.identity(job)
    drop = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    hide = ["sh", "-c", 'mount -t tmpfs tmpfs "$0" && exec "$@"', str(whole.world.home / "agents")]
    command = ["unshare", "--net", "--mount", "--", *hide, *drop, "sh", str(whole.folder(job) / "run")]
    environment = {"HOME": entry.pw_dir, "PATH": "/usr/bin:/bin", "LOGNAME": entry.pw_name}
    done = subprocess.run(command, env=environment, cwd=entry.pw_dir, check=False, timeout=180, start_new_session=True)
    return done.returncode


@pytest.mark.sampled(of=3, rests=True)
def test_a_blocked_network_ends_in_live(whole):
    job = whole.quiet_order()
    assert run_cut_off(whole, job) == 1
    assert whole.show(job)["state"] == "dropped"
    # The shop is open before anybody could be notified
    assert whole.get(job).status_code == 200
    whole.later(job, 400)
    assert whole.show(job)["state"] in ("finishing", "live")
    wait_until(lambda: (whole.folder(job) / "ack").exists(), lambda: whole.trouble(job))
    assert run_cut_off(whole, job) == 0
    assert not whole.folder(job).exists()
    assert "shoplaunch" not in whole.crontab(job)
    assert whole.chunks(job) == {}
    whole.later(job, 500)
    assert whole.live(job)["attempt"] == 1
    assert len(whole.mails(job)) == 1


@pytest.mark.sampled(of=3, rests=True)
def test_a_cancellation_reaches_an_account_that_is_cut_off(whole):
    job = whole.quiet_order()
    before = whole.snapshot(job)
    assert run_cut_off(whole, job) == 1
    assert whole.get(job).status_code == 200
    whole.world.run("cancel", job["id"], "--yes")
    wait_until(lambda: (whole.folder(job) / "ack").exists(), lambda: whole.trouble(job))
    assert run_cut_off(whole, job) == 5
    assert not whole.folder(job).exists()
    assert whole.snapshot(job) == before
    whole.later(job, 600)
    assert whole.service.jobs.get(job["id"]).facts["undo"] == "done"
