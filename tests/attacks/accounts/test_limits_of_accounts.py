"""An account that may write only small files is heard of with a code that says so, and goes on once it may write."""

from contextlib import closing

import pytest

from tests.attacks.table import attack
from tests.integration.agent_work.conftest import Shop, bundle  # noqa: F401 - fixtures
from tests.integration.conftest import agent  # noqa: F401 - a fixture

pytestmark = pytest.mark.root


class Small(Shop):
    """An account that may write no file of more than `most` bytes, None for any."""

    most = None

    def command(self, *arguments, python=None):
        command = super().command(*arguments, python=python)
        place = command.index("--clear-groups") + 1
        limit = [] if self.most is None else ["prlimit", f"--fsize={self.most}"]
        return [*command[:place], *limit, *command[place:]]


@attack("An account's limits let its programs write no file of more than a few bytes, not even the agent's lock",
        "the controller gets a code that says what to correct, and the next tick after that goes on")  # fmt: skip
@pytest.mark.parametrize("most", [0, 100, 4000])
def test_limits_of_files_are_reported_and_the_next_tick_goes_on(mariadb_server, bundle, controller, keys, agent, most):  # noqa: F811
    with closing(Small(mariadb_server, bundle, controller, keys, agent)) as shop:
        shop.most = most
        shop.drop()
        assert shop.run("run") == 1
        error = controller.accepted("failed")[-1]["error"]
        assert (error["code"], error["retryable"]) == ("quota_reached", True)
        shop.most = None
        assert shop.run("run") == 0
        assert (shop.root / "index.php").exists() and not shop.folder.exists()
