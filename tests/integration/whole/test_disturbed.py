"""Kills, a wrong password, cancelling, a controller that dies: whole jobs go on and end well."""

import os
import signal
import time

import pytest
import requests


def wait_for(condition, seconds=90):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "never came"
        time.sleep(0.02)


def dropped(whole, *more):
    """Order a shop; return its job once the agent's files lie in the account."""
    job = whole.order(*more)
    whole.wait(job, "dropped", "restoring", "finishing", "live")
    return job


def tables(whole, job):
    return {row[0] for row in whole.sql(f"SHOW TABLES FROM `{job['account']}_shop`")}


def test_a_killed_agent_goes_on_with_the_next_tick_while_visitors_see_the_503_page(whole):
    job = dropped(whole)
    process = whole.start_agent(job)
    wait_for(lambda: "ps_configuration" in tables(whole, job) or process.poll() is not None)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
    page = whole.get(job)
    assert page.status_code == 503
    assert page.headers["Retry-After"] == "120"
    assert "<html" in page.text
    assert whole.get(job, "/.well-known/acme-challenge/x").status_code == 404
    assert whole.wait(job, "live", "failed", "stalled")["state"] == "live"
    assert whole.get(job).status_code == 200


def test_a_wrong_database_password_is_mended_by_retry_and_the_old_token_is_refused(whole):
    job = dropped(whole)
    whole.sql(f"ALTER USER `{job['account']}_shop`@localhost IDENTIFIED BY 'somebody changed it'")
    whole.start_agent(job).wait(60)
    failed = whole.wait(job, "failed")
    assert failed["error"]["code"] == "db_access_denied"
    assert "retry" in failed["error"]["advice"]
    whole.world.run("retry", job["id"])
    live = whole.wait(job, "live", "failed", "stalled")
    assert (live["state"], live["attempt"]) == ("live", 2)


def test_cancel_puts_the_account_back_and_its_undoing_brings_the_shop_after_all(whole):
    job = dropped(whole)
    process = whole.start_agent(job)
    wait_for(lambda: "ps_configuration" in tables(whole, job) or process.poll() is not None)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
    whole.world.run("cancel", job["id"])
    wait_for(lambda: not (whole.home(job) / ".shoplaunch").exists(), 150)
    assert list((whole.home(job) / "public_html").iterdir()) == []
    assert tables(whole, job) == set()
    assert "shoplaunch" not in whole.crontab(job)
    whole.world.run("cancel", job["id"], "--undo")
    assert whole.wait(job, "live", "failed", "stalled")["state"] == "live"


def test_a_controller_that_is_killed_and_started_again_brings_the_job_to_its_end(whole):
    job = dropped(whole)
    pid = int((whole.world.directory / "serve.pid").read_text())
    os.killpg(pid, signal.SIGKILL)
    process = whole.start_agent(job)
    wait_for(lambda: process.poll() is not None or (whole.home(job) / "public_html/index.php").exists())
    with pytest.raises(requests.ConnectionError):
        requests.get(whole.world.url + "/healthz", timeout=2)
    whole.world.start()
    assert whole.wait(job, "live", "failed", "stalled", seconds=240)["state"] == "live"


def test_a_live_shop_cannot_be_cancelled(whole):
    job = dropped(whole)
    whole.start_agent(job).wait(60)
    whole.wait(job, "live")
    done = whole.world.run("cancel", job["id"], check=False)
    assert done.returncode == 1
    assert "illegal_transition" in done.stderr
    assert whole.get(job).status_code == 200
