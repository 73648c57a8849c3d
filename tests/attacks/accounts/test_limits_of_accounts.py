"""Limits of an account are called so, and taken for nothing else; the agent goes on once they are raised."""

import json
import os
import pwd
import resource
from contextlib import closing, contextmanager

import pytest

from agent.session.job_file import check_account
from agent.tree.writer import TreeWriter
from controller.db import facts
from controller.panels.local.accounts import Accounts
from controller.panels.local.settings import LocalSettings
from shared.database.unix_socket import Servers
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.integration.agent_work.conftest import Shop, bundle  # noqa: F401 - fixtures
from tests.integration.conftest import agent  # noqa: F401 - a fixture

pytestmark = pytest.mark.root
MIB = 1024 * 1024


class Small(Shop):
    """An account whose processes have the `limits`, options of prlimit."""

    limits = ()

    def command(self, *arguments, python=None):
        command = super().command(*arguments, python=python)
        place = command.index("--clear-groups") + 1
        limit = ["prlimit", *self.limits] if self.limits else []
        return [*command[:place], *limit, *command[place:]]


@pytest.fixture
def shop(mariadb_server, bundle, controller, keys, agent):  # noqa: F811 - the fixtures above
    """An account with limits, and a job in it."""
    with closing(Small(mariadb_server, bundle, controller, keys, agent)) as made:
        made.drop()
        yield made


@attack("An account's limits let its programs write no file of more than a few bytes, not even the agent's lock",
        "the controller gets a code that says what to correct, and the next tick after that goes on")  # fmt: skip
@pytest.mark.parametrize("most", [0, 100, 4000])
def test_limits_of_files_are_reported_and_the_next_tick_goes_on(shop, controller, most):
    shop.limits = [f"--fsize={most}"]
    assert shop.run("run") == 1
    error = controller.accepted("failed")[-1]["error"]
    assert (error["code"], error["retryable"]) == ("quota_reached", True)
    shop.limits = ()
    assert shop.run("run") == 0
    assert (shop.root / "index.php").exists() and not shop.folder.exists()


@attack("An account's limits let the agent start no thread, or use next to no memory, so that it cannot report",
        "why stands where the controller looks when it hears nothing; the next tick after that goes on")  # fmt: skip
@pytest.mark.parametrize("limit", ["--nproc=1", "--nproc=2", f"--as={40 * MIB}", f"--data={16 * MIB}"])
def test_limits_of_processes_and_memory_stand_where_the_controller_looks(shop, limit):
    shop.limits = [limit]
    assert shop.run("run") == 1
    assert "Traceback" not in shop.errors
    assert (shop.state["status"], shop.state["error"]["code"]) == ("waiting", "account_limits")
    shop.limits = ()
    assert shop.run("run") == 0
    assert (shop.root / "index.php").exists() and not shop.folder.exists()


@attack("An account's limits let no agent begin at any tick, so that the controller hears nothing",
        "nobody is sent to look at cron: the operator is notified of the limits")  # fmt: skip
def test_limits_are_not_called_a_cron_that_never_ran(world):
    job, held = world.dropped()
    error = ShoplaunchError("account_limits", "the account may start no further process or thread").as_dict()
    named = {"job": job.id, "attempt": 1}
    for _ in range(20):
        state = {"format": 1, "status": "waiting", "error": error, "refused": named, "updated_at": world.clock()}
        (held.folder / "state.json").write_text(json.dumps(state))
        world.work_later(60, stride=20)
    found = facts.of(world.job(job)).trouble
    assert world.job(job).state != "stalled" and found.error["code"] == "account_limits"
    assert len(world.mail.alarms) == 1


@contextmanager
def no_descriptor_left():
    """This process may open nothing."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@attack("A process may open no further file, so that the system says of each user that there is none",
        "that is taken for what it is: no account is gone, no job another's, no server a stranger's")  # fmt: skip
def test_who_cannot_look_users_up_takes_nobody_for_gone():
    user, job = pwd.getpwnam("nobody"), {"account": {"user": pwd.getpwuid(os.geteuid()).pw_name, "home": "/nowhere"}}
    looks = (
        lambda: Accounts(LocalSettings()).find("nora"),
        lambda: check_account(job, "/nowhere/.shoplaunch"),
        lambda: Servers().check(user.pw_uid, "who listens"),
    )
    with no_descriptor_left():
        for look in looks:
            with pytest.raises(OSError, match="cannot be read"):
                look()
    assert Accounts(LocalSettings()).find("nora") is None


@attack("An account may open few files, so that a folder of the shop cannot be opened",
        "that is no folder in which somebody put something else: the agent goes on at the next tick")  # fmt: skip
def test_a_folder_that_cannot_be_opened_is_none_of_a_stranger(tmp_path):
    with closing(TreeWriter(str(tmp_path / "tree"))) as writer:
        with no_descriptor_left(), pytest.raises(OSError, match="Too many open files"):
            writer.file(b"img/logo.png", b"x", 0o644)
        writer.file(b"img/logo.png", b"x", 0o644)
