"""A disk that loses what it took, and says so once: the shop is made anew, and never shown with holes."""

import json

import pytest

from tests.agent_box import killing_agent
from tests.integration.agent_work.conftest import Shop

LOST = "classes/Shop.php"


@pytest.fixture(scope="module")
def losing(agent, tmp_path_factory):
    """The agent, on a disk that loses what `lose.json` says."""
    path = tmp_path_factory.mktemp("losing") / "agent.pyz"
    killing_agent(agent, path, "losing")
    return path


@pytest.fixture
def shop(mariadb_server, bundle, controller, keys, losing):
    account = Shop(mariadb_server, bundle, controller, keys, losing)
    account.drop()
    yield account
    account.close()


@pytest.fixture(scope="module")
def wanted(mariadb_server, bundle, keys, losing):
    """What an undisturbed restore leaves."""
    from tests.controller_stub import Controller

    server = Controller()
    account = Shop(mariadb_server, bundle, server, keys, losing)
    account.drop()
    assert account.run() == 0, server.events[-1]
    picture = account.picture()
    account.close()
    server.close()
    return picture


@pytest.mark.parametrize("early", [True, False])
def test_what_the_disk_lost_is_unpacked_anew_and_nobody_sees_the_hole(shop, controller, wanted, early):
    (shop.home / "lose.json").write_text(json.dumps({"path": LOST, "early": early}))
    assert shop.run() == 1
    error = controller.accepted("failed")[-1]["error"]
    assert (error["code"], error["retryable"]) == ("file_error", True)
    assert error["message"] == "not all of the new tree came to the disk: Input/output error"
    assert not (shop.root / "index.php").exists() and not (shop.root / "classes").exists()
    assert shop.run() == 0, controller.events[-1]
    assert shop.picture() == wanted
    assert (shop.root / LOST).stat().st_size > 0
