"""The controller killed between writing a starter and hearing what came of it: the next one finds it by its name."""

import signal
from pathlib import Path

import pytest

from controller.db.connection.engine import reading, transact
from controller.db.machines import servers
from controller.jobs.lifecycle import lease
from controller.panels.cpanel.start.starter import Starter, starter_key
from controller.panels.start import stops
from tests.integration.cpanel_jobs import dying
from tests.integration.cpanel_jobs.test_killed_between_calls import PROCESSES, SECONDS
from tests.support.clock import START
from tests.support.waiting import wait_until

pytestmark = pytest.mark.root
#: Stands for an agent that has begun, and stays.
LAUNCHER = b"#!/bin/sh\necho started >>~/starts\ntouch ~/.shoplaunch/lock\n"


def work(world, later=0.0, moment=""):
    """Let a controller prepare the account `later` (seconds); return what its process ended with."""
    process = PROCESSES.Process(target=dying.run, args=(world.folder, START + later, 0, "", moment))
    process.start()
    process.join(SECONDS)
    return process.exitcode


def starters(hosting):
    return [path.name for path in Path(hosting.document_root_path).glob("shoplaunch-start-*")]


@pytest.fixture
def world(world_of):
    """A controller whose server starts agents at once."""
    world = world_of()
    (world.config.agent / "run").write_bytes(LAUNCHER)
    transact(world.engine, lambda connection: servers.choose_start(connection, "cp1", servers.AUTO))
    return world


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize(
    ("moment", "way", "reason"), [("written", "web", ""), ("before", "web", ""), ("after", "", "overtaken")]
)
def test_the_agent_is_started_once_and_no_starter_stays(world, moment, way, reason):
    hosting = world.hosting()
    job = world.sell(hosting)
    assert work(world, 0.0, moment) == -signal.SIGKILL
    own = Starter(starter_key(world.keys.fingerprint_salt), job.id, 1).name
    assert starters(hosting) == ([] if moment == "after" else [own])
    starts = Path(hosting.home) / "starts"
    if moment == "after":
        wait_until((Path(hosting.home) / ".shoplaunch" / "lock").exists, seconds=SECONDS)
    # The dead one's lease has to run out
    assert work(world, lease.SECONDS + 1) == 0
    start = world.job(job).facts["start"]
    assert (start["way"], start["reason"]) == (way, reason), start
    wait_until(starts.exists, seconds=SECONDS)
    assert starts.read_text() == "started\n" and starters(hosting) == []
    assert len(world.server_panel().cron_lines(world.server_panel().find_account(hosting.user))) == 1


def test_a_starter_that_was_never_written_teaches_nothing_about_the_server(world):
    hosting = world.hosting()
    job = world.sell(hosting)
    assert work(world, 0.0, "unwritten") == -signal.SIGKILL
    assert starters(hosting) == []
    assert work(world, lease.SECONDS + 1) == 0
    start = world.job(job).facts["start"]
    assert (start["way"], start["reason"]) == ("", "not_written"), start
    with reading(world.engine) as connection:
        assert stops(servers.get(connection, "cp1").start_learned, START + lease.SECONDS + 60) == ""
