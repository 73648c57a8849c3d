"""A disk that loses what it took, and says so once: the shop is made anew, and never shown with holes."""

import json

import pytest

from tests.integration.agent_work.conftest import Shop, undisturbed
from tests.support.worlds.agent_box import killing_agent

#: Of the first shard, and of the last.
LOST = ["classes/Shop.php", "config/parameters.php"]


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
    return undisturbed(mariadb_server, bundle, keys, losing)


def lose(shop, lost, dies):
    path = f".shoplaunch-staging-{shop.job()['job']}/{lost}"
    (shop.home / "lose.json").write_text(json.dumps({"path": path, "dies": dies}))


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("lost", LOST)
def test_what_the_disk_lost_is_unpacked_anew_and_nobody_sees_the_hole(shop, controller, wanted, lost):
    lose(shop, lost, dies=False)
    assert shop.run() == 1
    event = controller.accepted("failed")[-1]
    assert (event["stage"], event["error"]["code"], event["error"]["retryable"]) == ("unpack", "file_error", True)
    assert event["error"]["message"] == "not all of the new tree reached the disk: Input/output error"
    assert not (shop.root / "index.php").exists() and not (shop.root / "classes").exists()
    assert shop.run() == 0, controller.events[-1]
    assert shop.picture() == wanted
    assert (shop.root / lost).stat().st_size > 0


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("lost", LOST)
def test_nor_when_the_process_that_was_woken_dies_at_once(shop, controller, wanted, lost):
    lose(shop, lost, dies=True)
    assert shop.run() == -9
    assert shop.run() == 0, controller.events[-1]
    assert shop.picture() == wanted
