"""The same accounts as for the agent's work, with a bundle large enough to be killed in the middle."""

import pymysql
import pytest

from tests.handmade import Handmade
from tests.integration.agent_work.conftest import agent, shop  # noqa: F401 - fixtures


@pytest.fixture(scope="session")
def bundle(mariadb_server):
    return Handmade(mariadb_server, rows_each=1500, chunks=12, shards=20)


@pytest.fixture(scope="session")
def undisturbed(request, mariadb_server, bundle, keys, agent):  # noqa: F811 - the fixtures above
    """What an undisturbed restore leaves, without what is the account's own."""
    from tests.controller_stub import Controller
    from tests.integration.agent_work.conftest import Shop

    server = Controller()
    account = Shop(mariadb_server, bundle, server, keys, agent)
    account.drop()
    assert account.run() == 0
    picture = account.picture()
    account.close()
    server.close()
    return picture


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
