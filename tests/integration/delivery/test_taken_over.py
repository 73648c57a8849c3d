"""What a controller that was killed left open or unstamped in an account of a cPanel server: the next one ends it."""

import json
import os
import pwd
import shutil
import stat
from pathlib import Path

import pytest

from controller.armour import armoured
from controller.panels.base import SkeletonFiles
from controller.panels.cpanel import agent_files
from shared.encoding import sha256_hex

pytestmark = pytest.mark.root
CLOSED = {"agent.pyz": 0o600, "agent.sha256": 0o600, "job": 0o600, "run": 0o700}


@pytest.fixture(scope="module")
def account(server, account_of):
    """One account for all tests; making one takes its time."""
    return account_of(server.add_account())


@pytest.fixture
def folder(panel, account, files):
    """The account's folder with launcher, agent and job, all open to others."""
    path = Path(account.home) / ".shoplaunch"
    shutil.rmtree(path, ignore_errors=True)
    panel.ensure_agent(account, files)
    panel.put_file(account, ".shoplaunch/job", b"signed", 0o600)
    for file in path.iterdir():
        file.chmod(0o664)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def modes(folder):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def write(account, path, content):
    """The account itself has written the file."""
    path.write_bytes(content)
    entry = pwd.getpwnam(account.user)
    os.chown(path, entry.pw_uid, entry.pw_gid)


def with_another_last_byte(files):
    """Return as many bytes of another agent."""
    return SkeletonFiles(files.launcher, files.agent[:-1] + bytes([files.agent[-1] ^ 1]))


def stamp_of(folder):
    return {name: row["sha256"] for name, row in json.loads((folder / "agent.sha256").read_text()).items()}


@pytest.mark.parametrize("together", [False, True])
def test_what_lies_open_is_closed_where_the_same_is_to_be_put(panel_of, account, folder, files, together):
    panel = panel_of()
    if together:
        panel.prepare_together(account.user, account.domain)
    panel.ensure_agent(account, files)
    assert modes(folder) == CLOSED


@pytest.mark.parametrize("left", [b"", b'{"agent.pyz": {"sha', None], ids=["empty", "half", "none"])
def test_what_came_last_is_made_good(panel_of, account, folder, files, left):
    (folder / "agent.sha256").unlink()
    if left is not None:
        write(account, folder / "agent.sha256", left)
    agent_files.complete(panel_of().files(account), files)
    assert modes(folder) == CLOSED
    assert stamp_of(folder) == {"agent.pyz": sha256_hex(files.agent), "run": sha256_hex(files.launcher)}


def test_an_agent_of_the_same_size_that_is_another_is_never_stamped(panel_of, account, folder, files):
    before = (folder / "agent.sha256").read_bytes()
    other = with_another_last_byte(files)
    assert len(armoured(other.agent)) == len(armoured(files.agent))
    agent_files.complete(panel_of().files(account), other)
    assert (folder / "agent.sha256").read_bytes() == before
    # It is closed all the same
    assert modes(folder) == CLOSED


def test_a_bundle_the_account_was_born_with_stays_known(panel_of, account, folder, files):
    write(account, folder / "shop.bundle", b"as it was born with")
    known = {"agent.pyz": ["0" * 64, [1]], "shop.bundle": ["1" * 64, [19]]}
    rows = {name: {"sha256": digest, "sizes": sizes} for name, (digest, sizes) in known.items()}
    write(account, folder / "agent.sha256", json.dumps(rows).encode())
    agent_files.complete(panel_of().files(account), files)
    assert stamp_of(folder)["shop.bundle"] == "1" * 64
    assert stamp_of(folder)["agent.pyz"] == sha256_hex(files.agent)


@pytest.mark.parametrize("gone", [(), ("agent.sha256",), ("job", "agent.sha256", "run", "agent.pyz")])
def test_where_an_agent_has_begun_nothing_is_touched(panel_of, account, folder, files, gone):
    write(account, folder / "state.json", b"{}")
    for name in gone:
        (folder / name).unlink()
    before = modes(folder)
    agent_files.complete(panel_of().files(account), files)
    assert modes(folder) == before
