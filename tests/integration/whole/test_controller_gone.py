"""The controller dies or is away: jobs go on when it is back, and nothing is done twice."""

import os
import signal

import pytest
import requests

from controller.panels.local.config_files import exclusive
from tests.support.state.dead_leases import let_run_out
from tests.support.waiting import wait_until
from tests.support.worlds.whole import WAIT_SECONDS


def kill_controller(whole):
    """SIGKILL the controller's whole group; wait until nobody answers."""
    os.killpg(int((whole.world.directory / "serve.pid").read_text()), signal.SIGKILL)

    def is_gone():
        try:
            requests.get(whole.world.url + "/healthz", timeout=5)
        except requests.Timeout:
            return False
        except requests.ConnectionError:
            return True
        return False

    wait_until(is_gone)


@pytest.fixture(autouse=True)
def running_again(whole):
    """Whatever a test does, the controller runs again at its end."""
    yield
    whole.world.start()


@pytest.fixture(scope="module", autouse=True)
def interrupted(whole):
    """Jobs whose controller was killed while it prepared them."""
    # The panel's own lock: nobody gets past the first step before the end
    with exclusive(whole.world.stack.local_settings()["state_folder"], "accounts"):
        jobs = [whole.order(account=whole.handmade_account()) for _ in range(2)]
        wait_until(lambda: any(whole.show(job)["state"] == "preparing" for job in jobs))
        kill_controller(whole)
        assert any(whole.show(job)["state"] == "preparing" for job in jobs)
    let_run_out(whole.service.installation.engine)
    whole.world.start()
    return jobs


@pytest.mark.sampled(of=3, rests=True)
def test_away_while_the_agent_works_and_finishes_it_hears_everything_later(whole):
    job = whole.quiet_order()
    kill_controller(whole)
    process = whole.start_agent(job)
    # The shop is open before anybody could be notified
    wait_until(lambda: whole.get(job).status_code == 200, pause=0.2)
    assert process.wait(WAIT_SECONDS) == 1
    assert f"shoplaunch:{job['id']}" in whole.crontab(job)
    assert whole.show(job)["state"] == "dropped"
    whole.world.start()
    assert whole.run_agent(job) == 0
    whole.live(job)
    assert not whole.folder(job).exists()
    stages = whole.service.jobs.agent_view(whole.service.jobs.get(job["id"]))["stages"]
    assert [stage["name"] for stage in stages if stage["state"] == "done"][:5] == [
        "verify", "preflight", "unpack", "import", "configure",
    ]  # fmt: skip


@pytest.mark.sampled(of=3, rests=True)
def test_killed_while_the_agent_works_both_go_on(whole):
    job = whole.quiet_order()
    process = whole.start_agent(job)
    wait_until(lambda: whole.chunks(job), pause=0.01)
    kill_controller(whole)
    whole.world.start()
    if process.wait(WAIT_SECONDS) != 0:
        assert whole.run_agent(job) == 0
    assert whole.live(job)["attempt"] == 1
    assert len(whole.mails(job)) == 1


@pytest.mark.sampled(of=2, rests=True)
def test_killed_while_it_prepares_it_goes_on_where_it_was(whole, interrupted):
    for job in interrupted:
        assert whole.wait(job, "dropped", "failed")["state"] == "dropped"
        assert whole.run_agent(job) == 0
        assert whole.live(job)["attempt"] == 1
