"""The controller killed at each call that changes something on a cPanel server: the next one leaves one of each."""

import json
import multiprocessing
import os
import signal

import pytest

from controller.agent_archive.build import build_agent
from controller.jobs.lifecycle import lease
from tests.integration.cpanel_jobs import dying
from tests.integration.cpanel_jobs.world import MODES, prepared
from tests.support.clock import START
from tests.support.sampling import choose_day
from tests.support.worlds.agent_box import Keys

pytestmark = pytest.mark.root
SECONDS = 300
MOMENTS = ("before", "within", "after", "late")
#: Without it, every second call is the last one "late", and each at one of the other moments, in rotation.
NIGHTLY = bool(os.environ.get("SHOPLAUNCH_NIGHTLY"))
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.integration.cpanel_jobs.dying"])
#: At least these change something; which way the files come depends on the server.
CHANGES = {
    "Mysql::create_database", "Mysql::create_user", "Mysql::set_privileges_on_database", "Fileman::save_file_content",
    "Cron::add_line",
}  # fmt: skip


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    """A real agent's archive; nothing starts it."""
    path = tmp_path_factory.mktemp("agent") / "agent.pyz"
    build_agent(path, [Keys().public])
    return path.read_bytes()


@pytest.fixture
def order_of(world_of, agent):
    """Return a function that orders a shop for a new account by a controller with a real launcher and agent; it returns
    (world, account, job)."""

    def make():
        world = world_of()
        world.give_agent(agent)
        hosting = world.hosting()
        return world, hosting, world.sell(hosting)

    return make


def work(world, later=0.0, number=0, when=""):
    """Let a controller prepare the account `later` (seconds); return what its process ended with."""
    process = PROCESSES.Process(target=dying.run, args=(world.folder, START + later, number, when))
    process.start()
    process.join(SECONDS)
    return process.exitcode


def last_ones(when, count):
    """Return the numbers of those of `count` calls that are a controller's last one at the moment `when` today."""
    if NIGHTLY:
        return range(1, count + 1)
    if when == "late":
        return range(1, count + 1, 2)
    first = (MOMENTS.index(when) - choose_day()) % 3
    return range(1 + first, count + 1, 3)


def facts(world, hosting, job):
    """Return what must be the same, whatever happened: how many there are of each."""
    assert prepared(world, hosting, job) == MODES
    lines = world.server_panel().cron_lines(world.server_panel().find_account(hosting.user))
    return [len(found) for found in (lines, hosting.databases, hosting.database_users, hosting.grants)]


@pytest.mark.sampled(of=4)
@pytest.mark.parametrize("when", MOMENTS)
def test_killed_at_any_of_them_the_next_controller_leaves_one_of_each(order_of, when):
    order = order_of()
    assert work(order[0]) == 0
    calls = json.loads((order[0].folder / "calls").read_text())
    assert set(calls) >= CHANGES
    assert facts(*order) == [1, 1, 1, 1]
    for number in last_ones(when, len(calls)):
        order = order_of()
        assert work(order[0], 0.0, number, when) == -signal.SIGKILL, (number, calls)
        # The dead one's lease has to run out
        assert work(order[0], lease.SECONDS + 1) == 0, (number, calls)
        assert facts(*order) == [1, 1, 1, 1], (number, calls)
