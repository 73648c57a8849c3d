"""Files that somebody has made immutable stop an agent where it comes to them: it says so, and goes on afterwards."""

import shutil
import subprocess
from contextlib import ExitStack

import pytest

from agent.tree.holding_page import MARK
from tests.attacks.table import attack
from tests.integration.agent_work.conftest import Shop, bundle, undisturbed  # noqa: F401 - fixtures
from tests.integration.conftest import agent  # noqa: F401 - a fixture

pytestmark = [pytest.mark.root, pytest.mark.skipif(shutil.which("chattr") is None, reason="no chattr here")]


@pytest.fixture
def immutable():
    """Make a file or folder immutable, and all of them as before when the block ends."""
    with ExitStack() as made:

        def make(path):
            done = subprocess.run(["chattr", "+i", str(path)], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                pytest.skip(f"no immutable files here: {done.stderr.strip()}")
            made.callback(subprocess.run, ["chattr", "-i", str(path)], check=False)

        yield make, made.close


@pytest.fixture(scope="module")
def wanted(mariadb_server, bundle, keys, agent):  # noqa: F811 - the fixtures above
    """What an undisturbed restore leaves."""
    return undisturbed(mariadb_server, bundle, keys, agent)


@pytest.fixture
def shop(mariadb_server, bundle, controller, keys, agent):  # noqa: F811 - the fixtures above
    account = Shop(mariadb_server, bundle, controller, keys, agent)
    account.drop()
    yield account
    account.close()


@attack("A host, or a tool of the account's, makes the document root, its .htaccess or the agent's notes immutable",
        "nothing of the shop is served, the agent says what it may not write, and goes on once it may")  # fmt: skip
@pytest.mark.parametrize("what", ["public_html", "public_html/.htaccess", ".shoplaunch", ".shoplaunch/state.json"])
def test_what_may_not_be_written_is_reported_and_the_next_tick_goes_on(shop, controller, immutable, wanted, what):
    path = shop.home / what
    if not path.exists():
        path.write_text("" if what.endswith(".htaccess") else '{"format": 1}\n')
    shop.own()
    make, undo = immutable
    make(path)
    assert shop.run() == 1, shop.errors
    reported = [event["error"]["code"] for event in controller.accepted("failed")]
    assert reported == ["file_error"] or (what == ".shoplaunch" and shop.errors.startswith("file_error: ")), shop.errors
    assert not (shop.root / "index.php").exists()
    undo()
    assert shop.run() == 0, shop.errors
    assert shop.picture() == wanted
    assert MARK not in (shop.root / ".htaccess").read_bytes() and not shop.folder.exists()


@attack("The launcher or the agent's archive is made immutable, so that cleaning up cannot take it away",
        "the shop lives; the agent takes up cleaning at each tick, and goes once it may")  # fmt: skip
@pytest.mark.parametrize("name", ["run", "agent.pyz"])
def test_what_may_not_go_is_met_again(shop, controller, immutable, wanted, name):
    make, undo = immutable
    make(shop.folder / name)
    assert shop.run() == 1, shop.errors
    assert controller.accepted("finished") and shop.picture() == wanted
    undo()
    if name == "run":
        assert shop.run() == 0 and not shop.folder.exists()
