"""What a controller that was killed left open or unstamped in an account of a cPanel server: the next one ends it."""

import json
import os
import pwd
import shutil
import stat
from pathlib import Path

import pytest

from controller.agent_archive.ascii_armor import armored
from controller.panels.base import SkeletonFiles
from controller.panels.cpanel.account import agent_files
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError
from tests.support.waiting import wait_until

pytestmark = pytest.mark.root
SAVE = "Fileman::save_file_content"
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
    # The job file is another one each time
    assert modes(folder) == {**CLOSED, "job": 0o664}


def test_where_a_server_keeps_fewer_modes_none_is_set(whm, panel_of, account, folder, files):
    for path in folder.iterdir():
        path.chmod(0o600)
    whm.calls.clear()
    panel_of().ensure_agent(account, files)
    assert "Fileman::fileop" not in whm.calls.functions()


def test_a_file_that_left_meanwhile_needs_no_mode(panel_of, account, folder):
    panel = panel_of()
    panel.prepare_together(account.user, account.domain)
    files = panel.files(account)
    assert "run" in files.entries(".shoplaunch")
    (folder / "run").unlink()
    files.ensure_mode(".shoplaunch/run", 0o700)
    assert "run" not in files.entries(".shoplaunch")


def test_whose_last_files_failed_ends_them_the_next_time(whm, panel_of, account, folder, files):
    shutil.rmtree(folder)
    panel = panel_of()
    panel.prepare_together(account.user, account.domain)
    # After launcher, agent and job comes the stamp
    whm.quirks.cut_before(SAVE, 4)
    whm.quirks.cut_before(SAVE, 5)
    panel.ensure_agent(account, files)
    panel.put_file(account, ".shoplaunch/job", b"signed", 0o600)
    mine = panel.files(account)
    assert mine.has_put
    with pytest.raises(ShoplaunchError) as failure:
        mine.settle()
    assert failure.value.code == "panel_unreachable"
    assert not mine.has_put and not (folder / "agent.sha256").exists()
    panel.cache(account.user).forget_all()
    agent_files.complete(mine, files)
    assert modes(folder) == CLOSED
    assert stamp_of(folder)["agent.pyz"] == sha256_hex(files.agent)


def test_none_is_put_again_while_another_is_on_its_way(whm, panel_of, account, folder):
    panel = panel_of()
    panel.prepare_together(account.user, account.domain)
    mine = panel.files(account)
    whm.calls.clear()
    whm.quirks.cut_before(SAVE, 1)
    mine.put(".shoplaunch/agent.pyz", b"first", 0o600)
    wait_until(lambda: [call for call in whm.calls.of(SAVE) if call.outcome == "cut"])
    whm.quirks.slow[SAVE] = 2
    mine.put(".shoplaunch/run", b"second", 0o700)
    wait_until(lambda: len(whm.calls.of(SAVE)) == 2)
    mine.finish()
    _, other, again = whm.calls.of(SAVE)
    assert other.number in again.before


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("left", [b"", b'{"agent.pyz": {"sha', None], ids=["empty", "half", "none"])
def test_what_came_last_is_made_good(panel_of, account, folder, files, left):
    (folder / "agent.sha256").unlink()
    # Of one that was killed before it was in its place
    write(account, folder / "agent.sha256.new", b"half")
    if left is not None:
        write(account, folder / "agent.sha256", left)
    agent_files.complete(panel_of().files(account), files)
    (folder / "agent.sha256.new").unlink(missing_ok=True)
    assert modes(folder) == CLOSED
    assert stamp_of(folder) == {"agent.pyz": sha256_hex(files.agent), "run": sha256_hex(files.launcher)}


def test_an_agent_of_the_same_size_that_is_another_is_never_stamped(panel_of, account, folder, files):
    before = (folder / "agent.sha256").read_bytes()
    other = with_another_last_byte(files)
    assert len(armored(other.agent)) == len(armored(files.agent))
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
