"""A database server that may be killed, both samples, the agent that waits, and places for homes."""

from contextlib import closing

import pytest

from tests.resume.faults.disks import Places
from tests.resume.faults.model import Fault
from tests.resume.faults.world import FaultyRestore
from tests.resume.sample import ENGINES, Sample
from tests.support.servers.databases.mariadb import start_private, stop_private
from tests.support.worlds.agent_box import killing_agent

#: Every commit is on the disk before it is answered; nobody waits long for a table; a small server starts again soon.
OPTIONS = (
    "--innodb-flush-log-at-trx-commit=1", "--maximum-lock-wait-timeout=1", "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=8M", "--innodb-buffer-pool-load-at-startup=0",
)  # fmt: skip


@pytest.fixture(scope="package")
def fault_server():
    """A database server of its own: it is killed and started again (a MariaDB of tests/support)."""
    server = start_private(OPTIONS)
    yield server
    stop_private(server)


@pytest.fixture(scope="package")
def samples(fault_server):
    """Engine of the source's tables -> bundle."""
    return {engine: Sample(fault_server, engine) for engine in ENGINES}


@pytest.fixture(scope="session")
def waiting_agent(agent, tmp_path_factory):
    """The agent, which waits where `meet.json` says."""
    path = tmp_path_factory.mktemp("waiting") / "agent.pyz"
    killing_agent(agent, path, "meeting")
    return path


@pytest.fixture(scope="session")
def places(tmp_path_factory):
    """Where homes can be (disks.Places)."""
    made = Places(tmp_path_factory.mktemp("places"))
    yield made
    made.close()


@pytest.fixture(scope="package")
def wanted(fault_server, samples, keys, waiting_agent):
    """Engine -> what an undisturbed restore leaves (tests.resume.compare.picture)."""
    found = {}
    for engine, sample in samples.items():
        with closing(FaultyRestore(Fault(), fault_server, sample, keys, waiting_agent)) as world:
            found[engine] = world.picture()
    return found
