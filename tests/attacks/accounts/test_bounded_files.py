"""No file that an account can write is read beyond what is needed of it, or by anybody who could be led elsewhere."""

import os
import shutil
import socket
import stat
import tempfile
from pathlib import Path

import pytest

from controller.jobs.agent_link import panel_reading
from controller.panels.local.as_account.run import AsAccount, Identity
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.contract.conftest import CpanelDriver
from tests.support.measured import ended

pytestmark = pytest.mark.root

ACCOUNT_ID = 61234
STATE_MEGABYTES = 100


@pytest.fixture
def home():
    """The `.shoplaunch` of somebody's home, and what works there as that account."""
    base = Path(tempfile.mkdtemp(prefix="shoplaunch-home-"))
    base.chmod(0o755)
    folder = base / "alice" / ".shoplaunch"
    folder.mkdir(parents=True)
    for one in (folder.parent, folder):
        os.chown(one, ACCOUNT_ID, ACCOUNT_ID)
    yield folder, AsAccount(Identity(ACCOUNT_ID, ACCOUNT_ID, str(base), "alice"))
    shutil.rmtree(base)


def grown(path, size):
    """The file has `size` bytes, holes all of them."""
    with path.open("wb") as stream:
        stream.truncate(size)
    os.chown(path, ACCOUNT_ID, ACCOUNT_ID)


def code_of(call):
    result, memory = ended(call)
    assert memory < 8 * 1024 * 1024
    return result.code if isinstance(result, ShoplaunchError) else result


@attack(
    "A client makes `~/.shoplaunch/state.json` a hundred megabytes large, or of any size a file system takes",
    "its size is looked at before it is read: it counts as no state",
)
@pytest.mark.parametrize("size", [1_000_001, STATE_MEGABYTES << 20, 1 << 43])
def test_a_huge_file_of_an_account_is_not_read(home, size):
    folder, account = home
    grown(folder / "state.json", size)
    assert code_of(lambda: account.read(".shoplaunch/state.json", 1_000_000)) == "file_too_large"
    assert code_of(lambda: account.sha256(".shoplaunch/state.json", limit=1_000_000)) == "file_too_large"
    # Nor is it hashed to see whether it is the right one already
    assert code_of(lambda: account.put(".shoplaunch/state.json", b"{}", 0o644, 0o700)) is True
    assert code_of(lambda: account.read(".shoplaunch/state.json", 2)) == b"{}"


@attack(
    "A client puts a device, a pipe, a socket or a link in the place of a file that root's helper reads",
    "it is refused unread",
)
@pytest.mark.parametrize("kind", ["device", "pipe", "link", "socket"])
def test_what_is_no_plain_file_of_the_account_is_not_read(home, kind):
    folder, account = home
    path = folder / "state.json"
    if kind == "device":
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
    os.chown(path, ACCOUNT_ID, ACCOUNT_ID, follow_symlinks=False)
    for call in (account.read, account.sha256):
        assert code_of(lambda call=call: call(".shoplaunch/state.json", 1_000_000)) == "path_refused"


@attack(
    "A client of a cPanel server makes `~/.shoplaunch/state.json` a hundred megabytes large",
    "the panel is asked for the size alone",
)
def test_a_huge_file_is_not_asked_for_through_the_panel():
    driver = CpanelDriver()
    try:
        user = driver.new_user()
        account = driver.panel.ensure_account(user, f"{user}.example.test", create=True, email="o@example.com")
        driver.panel.put_file(account, ".shoplaunch/state.json", b"{}", 0o600)
        with open(f"{account.home}/.shoplaunch/state.json", "wb") as stream:
            stream.truncate(STATE_MEGABYTES << 20)
        driver._whm.calls.clear()
        assert code_of(lambda: driver.panel.read_file(account, ".shoplaunch/state.json")) == "file_too_large"
        assert panel_reading._state(driver.panel, account) is None
        asked = driver._whm.calls.functions()
        assert any("list_files" in name for name in asked) and not any("get_file_content" in name for name in asked)
    finally:
        driver.close()
