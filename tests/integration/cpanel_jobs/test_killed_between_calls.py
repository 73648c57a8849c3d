"""The controller killed at each call that changes something on a cPanel server: the next one leaves one of each."""

import json
import multiprocessing
import os
import signal

import pytest

from controller.agent_archive.build import build_agent, launcher
from controller.jobs.lifecycle import lease
from tests.integration.cpanel_jobs import dying
from tests.integration.cpanel_jobs.world import MODES, prepared
from tests.support.clock import START

pytestmark = pytest.mark.root
SECONDS = 300
MOMENTS = ("before", "within", "late", "after")
#: Without it, every call is the last one at two of the moments.
NIGHTLY = bool(os.environ.get("SHOPLAUNCH_NIGHTLY"))
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.integration.cpanel_jobs.dying"])
#: At least these change something; which way the files come depends on the server.
CHANGES = {
    "Mysql::create_database", "Mysql::create_user", "Mysql::set_privileges_on_database", "Fileman::save_file_content",
    "Cron::add_line",
}  # fmt: skip


@pytest.fixture
def order_of(world_of, tmp_path):
    """Return a function that orders a shop for a new account by a controller with a real launcher and agent; it returns
    (world, account, job)."""

    def make():
        world = world_of()
        (world.config.agent / "run").write_bytes(launcher())
        build_agent(world.config.agent / "agent.pyz", world.keys.public_keys())
        hosting = world.hosting()
        return world, hosting, world.sell(hosting)

    return make


def work(world, later=0.0, number=0, when=""):
    """Let a controller prepare the account `later` (seconds); return what its process ended with."""
    process = PROCESSES.Process(target=dying.run, args=(world.folder, START + later, number, when))
    process.start()
    process.join(SECONDS)
    return process.exitcode


def facts(world, hosting, job):
    """Return what must be the same, whatever happened: how many there are of each."""
    assert prepared(world, hosting, job) == MODES
    lines = world.server_panel().cron_lines(world.server_panel().find_account(hosting.user))
    return [len(found) for found in (lines, hosting.databases, hosting.database_users, hosting.grants)]


@pytest.mark.parametrize("when", MOMENTS)
def test_killed_at_any_of_them_the_next_controller_leaves_one_of_each(order_of, when):
    order = order_of()
    assert work(order[0]) == 0
    calls = json.loads((order[0].folder / "calls").read_text())
    assert set(calls) >= CHANGES
    assert facts(*order) == [1, 1, 1, 1]
    for number in range(1 + (0 if NIGHTLY else MOMENTS.index(when) % 2), len(calls) + 1, 1 if NIGHTLY else 2):
        order = order_of()
        assert work(order[0], 0.0, number, when) == -signal.SIGKILL, (number, calls)
        # The dead one's lease has to run out
        assert work(order[0], lease.SECONDS + 1) == 0, (number, calls)
        assert facts(*order) == [1, 1, 1, 1], (number, calls)
