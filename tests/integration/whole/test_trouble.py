"""What may go wrong with one job: wrong password, silence of three kinds, and how `retry` corrects it."""

import os
import re
import shutil
import signal
import subprocess

import pytest
import requests

from shared.events import make_event
from shared.signing import PURPOSE_JOB, load_signed
from tests.support.waiting import wait_until


def token_of(whole, text):
    """Return the callback token in a signed job file."""
    from controller.jobs.shop.certificate import verify

    return load_signed(PURPOSE_JOB, whole.service.installation.keys.public_keys(), text, verify)["callback"]["token"]


def claims(whole, job):
    """Return which chunks the account's agents claimed since the server's log is on, in order."""
    rows = whole.sql(
        "SELECT argument FROM mysql.general_log WHERE user_host LIKE %s AND argument LIKE 'INSERT%%shoplaunch_ledger%%'"
        " ORDER BY event_time", f"{whole.database(job)}%",
    )  # fmt: skip
    found = [re.search(r"VALUES \('([^']+)'", row[0]) for row in rows]
    assert all(found), rows
    return [match.group(1) for match in found]


@pytest.fixture
def server_log(whole):
    """The database server writes down every statement."""
    whole.sql("TRUNCATE mysql.general_log")
    whole.sql("SET GLOBAL log_output='TABLE'")
    whole.sql("SET GLOBAL general_log=ON")
    yield
    whole.sql("SET GLOBAL general_log=OFF")


@pytest.mark.sampled(of=2, rests=True)
def test_a_wrong_database_password_is_corrected_by_retry_which_repeats_no_finished_chunk(whole, server_log):
    job = whole.quiet_order()
    whole.stopped_in_the_import(job)
    finished = set(whole.chunks(job))
    # An agent of this attempt that will be forgotten until there is a newer one
    forgotten = whole.home(job) / "forgotten"
    shutil.copytree(whole.folder(job), forgotten, ignore=shutil.ignore_patterns("lock"))
    subprocess.run(["chown", "-R", f"{job['account']}:", str(forgotten)], check=True)
    whole.sql(f"ALTER USER `{whole.database(job)}`@localhost IDENTIFIED BY 'somebody changed it'")
    assert whole.run_agent(job) == 3
    failed = whole.wait(job, "failed")
    assert (failed["step"], failed["error"]["code"]) == ("agent", "db_access_denied")
    assert "retry" in failed["error"]["advice"]
    assert "shoplaunch" not in whole.crontab(job)
    assert whole.get(job).status_code == 503
    whole.world.run("retry", job["id"])
    wait_until(lambda: (found := whole.show(job))["state"] == "dropped" and found["attempt"] == 2)

    # The agent of the first attempt comes back: it is refused and touches nothing
    waiting = whole.folder(job).rename(whole.home(job) / "waiting")
    forgotten.rename(whole.folder(job))
    before = (whole.snapshot(job), whole.tables(job), whole.chunks(job), whole.crontab(job))
    event = make_event(job["id"], 1, 999, "started", 1)
    headers = {"Authorization": f"Bearer {token_of(whole, (whole.folder(job) / 'job').read_text())}"}
    answer = requests.post(whole.world.url + "/api/v1/agent/events", json=event, headers=headers, timeout=120)
    assert (answer.status_code, answer.json()["code"]) == (409, "superseded")
    assert whole.run_agent(job) == 4
    assert (whole.snapshot(job), whole.tables(job), whole.chunks(job), whole.crontab(job)) == before
    shutil.rmtree(whole.folder(job))
    waiting.rename(whole.folder(job))

    whole.sql("TRUNCATE mysql.general_log")
    assert whole.run_agent(job) == 0
    assert whole.live(job)["attempt"] == 2
    repeated = claims(whole, job)
    assert finished and repeated, "the agent was killed in the middle of the import"
    assert finished.isdisjoint(repeated)
    written = whole.root(job) / "app/config/parameters.php"
    assert "somebody changed it" not in written.read_text()
    assert whole.get(job).status_code == 200


@pytest.mark.sampled(of=2, rests=True)
def test_an_agent_that_hangs_is_reported_as_silent_and_a_retry_takes_over_from_it(whole):
    job = whole.quiet_order()
    process = whole.stopped_in_the_import(job, signal.SIGSTOP)
    try:
        whole.later(job, 400)
        stalled = whole.show(job)
        assert (stalled["state"], stalled["error"]["code"]) == ("stalled", "agent_silent")
        assert stalled["error"]["advice"]
        whole.world.run("retry", job["id"])
        wait_until(lambda: (found := whole.show(job))["state"] == "dropped" and found["attempt"] == 2)
        assert whole.run_agent(job) == 0
        assert process.wait(120) == -signal.SIGKILL
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(120)
    assert whole.live(job)["attempt"] == 2
    assert whole.get(job).status_code == 200


def test_cron_that_never_fires_is_distinguished_from_a_silent_agent(whole):
    job = whole.quiet_order()
    assert f"shoplaunch:{job['id']}" in whole.crontab(job)
    whole.later(job, 200)
    assert whole.show(job)["state"] == "dropped"
    whole.later(job, 290)
    stalled = whole.show(job)
    assert (stalled["state"], stalled["error"]["code"]) == ("stalled", "cron_never_fired")
    assert "3 ticks of 60 seconds" in stalled["error"]["message"]
    assert stalled["error"]["advice"]
    # Cron was slow, not gone: the agent that comes after all brings the shop
    assert whole.run_agent(job) == 0
    assert whole.live(job)["attempt"] == 1


@pytest.mark.sampled(of=2, rests=True)
def test_a_missing_cron_line_is_named(whole):
    job = whole.quiet_order()
    subprocess.run(["crontab", "-u", job["account"], "-r"], check=True)
    whole.later(job, 290)
    stalled = whole.show(job)
    assert (stalled["state"], stalled["error"]["code"]) == ("stalled", "cron_never_fired")
    assert "not in the account's crontab" in stalled["error"]["message"]
    whole.world.run("retry", job["id"])
    wait_until(lambda: whole.show(job)["state"] == "dropped")
    assert f"shoplaunch:{job['id']}" in whole.crontab(job)
    assert whole.run_agent(job) == 0
    assert whole.live(job)["attempt"] == 2


@pytest.mark.sampled(of=2, rests=True)
def test_a_job_that_was_not_finished_in_time_is_reported_as_expired_and_can_be_retried(whole):
    job = whole.quiet_order()
    whole.stopped_in_the_import(job)
    whole.later(job, 25 * 3600)
    stalled = whole.show(job)
    assert (stalled["state"], stalled["error"]["code"]) == ("stalled", "job_expired")
    assert whole.get(job).status_code == 503
    whole.world.run("retry", job["id"])
    wait_until(lambda: whole.show(job)["state"] == "dropped")
    assert whole.run_agent(job) == 0
    assert whole.live(job)["attempt"] == 2
