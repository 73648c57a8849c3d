"""Starting through the server's SSH as root: real sshd, real `su`; as the account, detached, bounded, once."""

import pwd
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from controller.panels.cpanel.start import ssh_start
from tests.attacks.table import attack
from tests.integration.starter.launched import put_launcher, starts, wait_for_start
from tests.support.servers.ssh_server import SSHD, SshServer
from tests.support.worlds.accounts import remove_account

pytestmark = [pytest.mark.root, pytest.mark.skipif(not Path(SSHD).exists(), reason="no sshd here")]
SECONDS = 30.0


@pytest.fixture(scope="module")
def server():
    made = SshServer("root")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def account():
    """(user, home) of an account whose launcher leaves evidence."""
    base = Path(tempfile.mkdtemp(prefix="shoplaunch-ssh-home-"))
    base.chmod(0o755)
    user = "slh" + secrets.token_hex(5)
    home = base / user
    home.mkdir()
    command = ["useradd", "--no-create-home", "--home-dir", str(home), "--shell", "/usr/sbin/nologin", user]
    subprocess.run(command, check=True, capture_output=True)
    put_launcher(home)
    subprocess.run(["chown", "-R", f"{user}:", str(home)], check=True)
    yield user, home
    remove_account(user, lambda: subprocess.run(["pgrep", "-u", user], check=False, capture_output=True))
    shutil.rmtree(base)


def start(server, account, seconds=SECONDS):
    user, home = account
    return ssh_start.start(server.target, server.client_config, user, str(home), seconds)


def test_the_launcher_runs_as_the_account_with_the_surroundings_of_cron(server, account):
    started = start(server, account)
    assert (started.way, started.reason) == ("ssh", "")
    found = wait_for_start(account[1])
    assert found["uid"] == [str(pwd.getpwnam(account[0]).pw_uid)]
    assert found["session"] == found["pid"]
    assert found["umask"] == ["0022"]
    assert found["cwd"] == [str(account[1])]
    assert [one for one in found["fd"] if int(one.split()[0]) > 2 and not one.endswith("/run")] == []
    names = {one.partition("=")[0] for one in found["env"]}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == {"HOME", "LOGNAME", "USER", "SHELL", "PATH", "SHOPLAUNCH_START"}
    assert len(starts(account[1])) == 1


def test_an_account_that_is_not_there_starts_nothing(server, account):
    assert start(server, ("slhnobodyknows", account[1])).reason == "failed"
    assert starts(account[1]) == []


def test_without_a_launcher_nothing_happens(server, account):
    (account[1] / ".shoplaunch" / "run").unlink()
    assert start(server, account).reason == "failed"
    assert starts(account[1]) == []


@pytest.mark.parametrize(
    "closing", [("usermod", "--expiredate", "1"), ("chage", "--lastday", "0")], ids=["has expired", "a new password"]
)
def test_an_account_that_may_start_nothing_is_noted_as_such(server, account, closing):
    subprocess.run([*closing, account[0]], check=True, capture_output=True)
    started = start(server, account)
    assert (started.way, started.reason) == ("", "account_closed")
    assert starts(account[1]) == []


def test_a_server_that_is_not_there_is_a_failure_in_time(account, server, tmp_path):
    config = tmp_path / "ssh_config"
    config.write_text("Host *\n Port 1\n")
    assert ssh_start.start("root@127.0.0.1", config, account[0], str(account[1]), SECONDS).reason == "failed"


@attack("The server's sshd takes the connection and says nothing", "the start ends in its time, and cron does it")
def test_a_silent_sshd_holds_nobody(account, tmp_path):
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        config = tmp_path / "ssh_config"
        config.write_text(f"Host *\n Port {silent.getsockname()[1]}\n")
        found = []

        def ask():
            found.append(ssh_start.start("root@127.0.0.1", config, account[0], str(account[1]), 2.0))

        thread = threading.Thread(target=ask, daemon=True)
        began = time.monotonic()
        thread.start()
        thread.join(60)
        assert found and not found[0].way, time.monotonic() - began


@pytest.mark.parametrize(("target", "expected"), [
    ("root@web1.example", True), ("reseller@web1.example", False), ("root", False), ("", False),
    ("root@-oProxyCommand=x", False), ("rootx@web1.example", False),
])  # fmt: skip
def test_only_root_may_start_for_every_account(target, expected):
    assert ssh_start.is_root(target) is expected
