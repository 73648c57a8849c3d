"""File systems that an account mounts itself (FUSE) keep nobody waiting, and nothing of the account from going."""

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from controller.jobs.agent_link import panel_reading
from controller.panels.local import mounts
from controller.panels.local.as_account import run as as_account
from shared.errors import ShoplaunchError
from shared.job import FOLDER, STATE_FILE
from tests.attacks.table import attack
from tests.support.machine.fuse_mount import FuseMount
from tests.support.servers.local_server import LocalServer

pytestmark = [pytest.mark.root, pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="no FUSE here")]
#: How such a file system answers, and whether the machine lets others into it.
KINDS = {"empty": {}, "hanging": {"hangs": True}, "hanging for all": {"hangs": True, "allow_other": True}}


@pytest.fixture(scope="module")
def server():
    """A running LocalServer."""
    server = LocalServer()
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def mount():
    """Mount a file system of the account's own at a folder of its home; it is gone at the end."""
    made = []

    def make(account, folder, **kind):
        entry = pwd.getpwnam(account.user)
        made.append(FuseMount(Path(account.home, folder), entry.pw_uid, entry.pw_gid, **kind))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.sampled(of=3)
@attack("An account's owner mounts a file system of the owner's own over the home or a folder of it, and the "
        "account is removed", "processes and file system go, and so does the account")  # fmt: skip
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("folder", [".", FOLDER, "public_html", "a name\\with $IFS"])
def test_an_account_with_a_file_system_of_its_own_is_removed(server, mount, kind, folder):
    account, panel = server.new_account(), server.panel()
    entry = pwd.getpwnam(account.user)
    if not Path(account.home, folder).is_dir():
        panel.put_file(account, f"{folder}/x", b"", 0o600)
    mount(account, folder, **KINDS[kind])
    panel.remove_account(account)
    assert panel.find_account(account.user) is None
    assert not os.path.lexists(account.home) and not mounts.of(entry.pw_uid, account.home)


@attack("An account's owner mounts a file system that never answers over the home",
        "a process that works there fails at once, with what to do; the agent's folder goes all the same")  # fmt: skip
@pytest.mark.parametrize("kind", KINDS)
def test_a_mounted_home_is_named_and_asked_nothing(server, mount, kind):
    account, panel = server.new_account(), server.panel()
    panel.put_file(account, f"{FOLDER}/{STATE_FILE}", b"{}", 0o600)
    mount(account, ".", **KINDS[kind])
    for act in (
        lambda: panel.read_file(account, f"{FOLDER}/{STATE_FILE}"),
        lambda: panel.list_folder(account, FOLDER),
        lambda: panel.home_entries(account),
        lambda: panel.ensure_account(account.user, account.domain, create=True, email="a@example.com"),
    ):
        with pytest.raises(ShoplaunchError) as problem:
            act()
        assert problem.value.code == "home_closed"
    panel.remove_agent(account)
    assert FOLDER not in panel.list_folder(account, ".")


@attack("An account's owner mounts such a file system over the agent's folder",
        "it counts as something else in that place, and goes with the agent")  # fmt: skip
@pytest.mark.parametrize("kind", KINDS)
def test_a_mounted_folder_of_the_agent_is_none_and_goes(server, mount, kind):
    account, panel = server.new_account(), server.panel()
    panel.put_file(account, f"{FOLDER}/{STATE_FILE}", b"{}", 0o600)
    mount(account, FOLDER, **KINDS[kind])
    with pytest.raises(ShoplaunchError) as problem:
        panel.read_file(account, f"{FOLDER}/{STATE_FILE}")
    assert problem.value.code in panel_reading.NO_FOLDER
    panel.remove_agent(account)
    assert panel.list_folder(account, FOLDER) is None


@attack("A client leaves such a file system, alive or dead, in a folder of the home before the cancelled account is "
        "looked through", "it is reported with the rest")  # fmt: skip
@pytest.mark.parametrize("lives", [True, False])
def test_a_file_system_of_its_own_is_reported_with_the_rest(server, mount, lives):
    account, panel = server.new_account(), server.panel()
    panel.put_file(account, "mine/x", b"", 0o600)
    made = mount(account, "mine")
    if not lives:
        made.process.kill()
        made.process.wait()
    assert "mine" in panel.home_entries(account)


@attack("An account's owner mounts such a file system over a file, and the account is removed", "both go")
def test_an_account_with_a_file_system_over_a_file_is_removed(server, mount):
    account, panel = server.new_account(), server.panel()
    panel.put_file(account, f"{FOLDER}/x", b"", 0o600)
    mount(account, f"{FOLDER}/x")
    panel.remove_agent(account)
    panel.put_file(account, "public_html/y", b"", 0o600)
    mount(account, "public_html/y")
    panel.remove_account(account)
    assert panel.find_account(account.user) is None and not os.path.lexists(account.home)


@attack("A client leaves a file system that never answers, to nobody at all, in a folder of the home or over a file, "
        "which the controller's hands come by", "it is asked nothing, and named")  # fmt: skip
@pytest.mark.parametrize("kind", ["hanging for all"])
@pytest.mark.parametrize("place", ["mine", "mine/file"])
def test_a_file_system_of_its_own_is_asked_nothing(server, mount, monkeypatch, kind, place):
    # A process that waited would wait for this, and not for a quarter of an hour
    monkeypatch.setattr(as_account, "TIMEOUT_SECONDS", 10)
    monkeypatch.setattr(as_account, "LONG_SECONDS", 10)
    account, panel = server.new_account(), server.panel()
    panel.put_file(account, "mine/file", b"mine", 0o600)
    mount(account, place, **KINDS[kind])
    assert place in panel.home_entries(account)
    for act in (
        lambda: panel.read_file(account, "mine/file"),
        lambda: panel.file_sha256(account, "mine/file"),
        lambda: panel.put_file(account, "mine/file", b"ours", 0o600),
        lambda: panel.list_folder(account, place),
    ):
        with pytest.raises(ShoplaunchError) as problem:
            act()
        assert problem.value.code == "path_refused"
    panel.remove_account(account)


@attack("An account's owner moves a folder with such a file system away, and a link to one of somebody else's into its "
        "place", "nothing of anybody else's is unmounted")  # fmt: skip
def test_nobody_elses_file_system_is_unmounted(server, mount, monkeypatch):
    account, other, panel = server.new_account(), server.new_account(), server.panel()
    for one in (account, other):
        panel.put_file(one, "a/b/x", b"", 0o600)
        mount(one, "a/b")
    entry = pwd.getpwnam(account.user)
    found = mounts.of(entry.pw_uid, account.home)
    # Between the look and the act
    monkeypatch.setattr(mounts, "of", lambda *_about: found)
    Path(account.home, "a").rename(Path(account.home, "c"))
    Path(account.home, "a").symlink_to(Path(other.home, "a"))
    mounts.detach(entry.pw_uid, str(server.home_base), account.home)
    monkeypatch.undo()
    assert mounts.of(pwd.getpwnam(other.user).pw_uid, other.home)
    subprocess.run(["umount", "-l", f"{account.home}/c/b"], check=True)
