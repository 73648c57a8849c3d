"""The very same agent on each interpreter, chosen by the very same launcher, and what it takes of the machine."""

import hashlib
import json
from contextlib import closing

import pytest

from tests.integration.agent_work.conftest import Shop
from tests.support.machine.resources import usage_of
from tests.support.servers.private_machine import PrivateMachine
from tests.support.shops.bulk import Bulk
from tests.support.shops.handmade import Handmade
from tests.support.worlds.agent_box import killing_agent


class Restored:
    """One restore by launcher and agent: what the shop became, what the agent reported, what the kernel saw.

    `picture` is what has to be the same for all, `evidence` the final event's; `size` the bundle's bytes and `files`
    those of the shop's files.
    """

    def __init__(self, shop, controller, machine=None):
        shop.drop()
        process = shop.start(on=machine)
        self.usage = usage_of(process)
        self.output = process.communicate()
        assert (process.returncode, self.output) == (0, ("", "")), controller.events[-1:]
        checksums, settings, definitions, files = shop.picture()
        self.files = sum(len(kind) for kind, _ in files.values() if isinstance(kind, bytes))
        self.size = shop.pin["size"]
        rows = hashlib.sha256(repr(settings).encode()).hexdigest()
        contents = {name: (_digest(kind), mode) for name, (kind, mode) in files.items()}
        self.picture = (checksums, rows, definitions, contents)
        self.evidence = controller.accepted("finished")[-1]["evidence"]
        assert not shop.folder.exists()


def _digest(kind):
    return hashlib.sha256(kind).hexdigest() if isinstance(kind, bytes) else kind


class Account(Shop):
    """An account whose launcher is started on a machine of the test's choosing."""

    _machine = None

    def start(self, *arguments, on=None, **more):
        self._machine = on
        return super().start(*arguments, **more)

    def command(self, *arguments, python=None):
        command = super().command(*arguments, python=python)
        return self._machine.command(command) if self._machine else command


@pytest.fixture(scope="session")
def steady_agent(agent):
    """An agent in which it is no chance how much is read ahead."""
    path = agent.with_name("steady.pyz")
    killing_agent(agent, path, by="ahead")
    return path


@pytest.fixture(scope="session")
def tiny(mariadb_server):
    """A bundle of a few thousand bytes: what a restore of it reads is what any restore reads besides its bundle."""
    return Handmade(mariadb_server, rows_each=5, chunks=1, shards=1)


@pytest.fixture(scope="session")
def bulk(mariadb_server):
    """A bundle with two full shards and full chunks."""
    return Bulk(mariadb_server)


@pytest.fixture
def restore(mariadb_server, controller, keys, agent, steady_agent):
    """Restore a bundle into an account of its own, on a machine if one is given; return the Restored. With `ahead` all
    (True) or nothing (False) of what may be is read ahead, without it as much as there is time for."""

    def restoring(bundle, machine=None, ahead=None):
        taken = agent if ahead is None else steady_agent
        with closing(Account(mariadb_server, bundle, controller, keys, taken)) as shop:
            if ahead is not None:
                (shop.home / "ahead.json").write_text(json.dumps(ahead))
            return Restored(shop, controller, machine)

    return restoring


@pytest.fixture
def machine():
    """A PrivateMachine; skips where there can be none."""
    return PrivateMachine()
