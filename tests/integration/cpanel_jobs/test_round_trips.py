"""How often a job asks its server before the cron line is there, and whether everything lies in the account then."""

import contextlib
import os
import shutil
import signal
import subprocess

import pytest

from controller.agent_archive.build import build_agent
from controller.db.connection.engine import transact
from controller.db.machines import servers
from controller.jobs.steps.drop import agent_files
from controller.panels.base import SkeletonFiles
from controller.panels.cpanel.skeleton.local_store import LocalStore
from controller.panels.cpanel.skeleton.skeleton import Skeleton
from tests.integration.cpanel_jobs.world import MODES, prepared
from tests.support.worlds.agent_box import Keys

pytestmark = pytest.mark.root
#: What accounts are created with; "unstamped" as by an operator who copied the files by hand.
SKELETONS = ["absent", "current", "old", "unstamped"]
#: So long every answer takes: whatever does not wait for it is asked meanwhile. On a busy machine that may take longer:
#: then it is all done once more, with slower answers.
SECONDS = (1.5, 6, 24)


@pytest.fixture(scope="module")
def agents(tmp_path_factory):
    """A folder with two agents, which know different keys: `current` and `old`."""
    folder = tmp_path_factory.mktemp("agents")
    for name in ("current", "old"):
        build_agent(folder / name, [Keys().public])
    return folder


@pytest.fixture(params=[False, True], ids=["root", "reseller"])
def world(request, world_of, agents):
    """A controller with a real launcher and agent."""
    made = world_of(reseller=request.param)
    made.give_agent((agents / "current").read_bytes())
    return made


@pytest.fixture
def born(world, agents):
    """Return a function that makes an account from a skeleton."""
    base = world.whm.skeleton(world.owner)

    def make(skeleton):
        files = agent_files(world.config.agent)
        if skeleton in ("old", "unstamped"):
            files = SkeletonFiles(b"#!/bin/sh\n# older\n", (agents / "old").read_bytes())
        if skeleton != "absent":
            Skeleton(LocalStore(base.parent), None).ensure(files)
        if skeleton == "unstamped":
            (base / ".shoplaunch" / "agent.sha256").unlink()
        return world.hosting()

    yield make
    shutil.rmtree(base / ".shoplaunch", ignore_errors=True)


def rounds(whm):
    """Return how many round trips there were up to the cron line, and in all."""
    calls = whm.calls.all
    (line,) = [number for number, call in enumerate(calls) if call.function == "Cron::add_line"]
    return whm.calls.round_trips(calls[: line + 1]), whm.calls.round_trips()


def worked(world, sell, line, in_all):
    """Return the job that `sell()` made, for which no more than `line` round trips were needed up to the cron line.

    `in_all` is the most up to its end.
    """
    for seconds in SECONDS:
        world.whm.calls.clear()
        world.whm.quirks.slow["*"] = seconds
        job = sell()
        world.work()
        world.whm.quirks.slow.clear()
        assert world.job(job).state == "dropped", world.status(job)
        found = rounds(world.whm)
        if found[0] <= line and found[1] <= in_all:
            return job
    raise AssertionError((found, world.whm.calls.functions()))


@pytest.mark.sampled(of=2, each=("skeleton",))
@pytest.mark.parametrize("skeleton", SKELETONS)
def test_the_cron_line_is_there_after_four_round_trips_and_everything_is_seen_in_a_fifth(world, born, skeleton):
    job = worked(world, lambda: world.sell(born(skeleton)), 4, 5)
    assert prepared(world, world.whm.account(job.account), job) == MODES


@pytest.mark.sampled(of=2)
def test_what_a_server_took_of_the_modes_is_not_asked_back(world, born):
    world.whm.quirks.skeleton_keeps_execute = False
    job = worked(world, lambda: world.sell(born("current")), 4, 5)
    # Cron hands the launcher to `sh`
    assert prepared(world, world.whm.account(job.account), job) == {**MODES, "run": 0o600}


@pytest.mark.sampled(of=2, each=("is_there",))
@pytest.mark.parametrize(("is_there", "more"), [(True, 0), (False, 2)], ids=["an account that is there", "a new one"])
def test_an_order_that_may_make_the_account_takes_two_more_when_it_does(world, is_there, more):
    def sell():
        user = world.hosting().user if is_there else world.whm.new_user()
        return world.order(server="cp1", account=user, domain=f"{user}.test", create_account=True)

    worked(world, sell, 4 + more, 5 + more)


def test_a_server_that_carries_out_no_calls_together_is_asked_side_by_side(whm, world_of):
    world, whm.quirks.batch = world_of(), False
    job = world.sell(world.hosting())
    world.work()
    assert world.job(job).state == "dropped", world.status(job)
    assert whm.calls.max_in_flight > 2


@pytest.mark.sampled(of=2)
def test_starting_at_once_takes_no_further_round_trip(world, born):
    transact(world.engine, lambda connection: servers.choose_start(connection, "cp1", servers.AUTO))
    job = worked(world, lambda: world.sell(born("current")), 4, 5)
    assert world.job(job).facts["start"]["way"] == "web"
    end_agents(world, job)


@pytest.mark.sampled(of=2)
def test_a_starter_that_nobody_takes_costs_no_round_trip_before_the_cron_line(world, born):
    transact(world.engine, lambda connection: servers.choose_start(connection, "cp1", servers.AUTO))
    world.set(http_port=1)
    # Up to the end: the sixth looks whether the file still lies there, 1.5 s before the time for a start is over. It is
    # answered in 1.5 s, so that the seventh, which reads the file before it is removed, begins in time by chance
    job = worked(world, lambda: world.sell(born("current")), 4, 7)
    assert world.job(job).facts["start"]["reason"] == "no_answer"


def end_agents(world, job):
    """Nothing of what was started runs any more."""
    found = subprocess.run(["pgrep", "-u", job.account], check=False, capture_output=True, text=True)
    for pid in map(int, found.stdout.split()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
