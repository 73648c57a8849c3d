"""The same accounts as for the agent's work, with a bundle large enough to be killed in the middle."""

from contextlib import closing

import pymysql
import pytest

from controller.agent_archive.build import build_agent
from tests.resume.chunks import NotedShop
from tests.support.servers.web.controller_stub import Controller
from tests.support.shops.handmade import Handmade
from tests.support.worlds.agent_box import killing_agent


@pytest.fixture(scope="session")
def agent(keys, tmp_path_factory):
    """The agent, which notes the chunks it sends where a test wants to know (tests.resume.chunks)."""
    folder = tmp_path_factory.mktemp("agent")
    build_agent(folder / "plain.pyz", [keys.public])
    killing_agent(folder / "plain.pyz", folder / "agent.pyz", "chunks")
    return folder / "agent.pyz"


@pytest.fixture(scope="session")
def killable(agent, tmp_path_factory):
    """The agent, which dies where `kill.json` says."""
    path = tmp_path_factory.mktemp("killable") / "agent.pyz"
    killing_agent(agent, path)
    return path


@pytest.fixture
def shop(mariadb_server, bundle, controller, keys, agent):
    account = NotedShop(mariadb_server, bundle, controller, keys, agent)
    yield account
    account.close()


@pytest.fixture(scope="session")
def bundle(mariadb_server):
    return Handmade(mariadb_server, rows_each=1500, chunks=12, shards=20)


@pytest.fixture(scope="session")
def undisturbed(mariadb_server, bundle, keys, agent):
    """What an undisturbed restore leaves, without what is the account's own."""
    with closing(Controller()) as server, closing(NotedShop(mariadb_server, bundle, server, keys, agent)) as account:
        account.drop()
        assert account.run() == 0
        account.chunks.check(0, "undisturbed")
        return account.picture()


def chunks_in_ledger(account):
    """Return how many chunks the ledger knows; none before there is one and after it has gone."""
    try:
        return account.query("SELECT COUNT(*) FROM shoplaunch_ledger")[0][0]
    except pymysql.err.ProgrammingError:
        return 0


def same(found, wanted):
    """Fail with the first difference between two pictures."""
    for part in range(3):
        assert found[part] == wanted[part]
    names = {name for name in {*found[3], *wanted[3]} if found[3].get(name) != wanted[3].get(name)}
    assert not names, {name: (found[3].get(name), wanted[3].get(name)) for name in sorted(names)[:3]}
