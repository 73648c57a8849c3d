"""Where the account may start next to nothing more, the agent does one thing after the other."""

from contextlib import closing

import pytest

from tests.integration.agent_work.conftest import Shop


class Crowded(Shop):
    """An account that may have `most` processes, threads among them, in all."""

    most = 100

    def command(self, *arguments, python=None):
        command = super().command(*arguments, python=python)
        place = command.index("--clear-groups") + 1
        return [*command[:place], "prlimit", f"--nproc={self.most}", *command[place:]]


@pytest.mark.parametrize("most", range(3, 11))
def test_with_as_many_processes_as_these_the_shop_is_restored(mariadb_server, bundle, controller, keys, agent, most):
    with closing(Crowded(mariadb_server, bundle, controller, keys, agent)) as shop:
        shop.most = most
        shop.drop()
        # Not by the launcher, whose own processes are more
        assert shop.run("run") == 0, controller.events[-1:]
        assert shop.query("SELECT COUNT(*) FROM ps_product")[0][0] == 2000
        assert (shop.root / "index.php").exists() and not shop.folder.exists()
    assert controller.accepted("failed") == []
