"""Bytes that changed in an account of a cPanel server, their size and stamp the same: seen, and put anew."""

import pytest

from controller.agent_archive.ascii_armor import armored
from controller.jobs.agent_link import delivery
from shared.job import cron_line

from .test_agent_in_account import start

pytestmark = pytest.mark.root
JOB_FILE = b"signed.by-the-controller"
LINE = cron_line("abcdef123456")


@pytest.fixture
def put(panel, account, folder, files):
    """What was put into the account: launcher, agent and job file; their digests."""
    panel.ensure_agent(account, files)
    panel.put_file(account, ".shoplaunch/job", JOB_FILE, 0o600)
    return delivery.digests(files, JOB_FILE)


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    with path.open("r+b") as stream:
        stream.write(content)


def test_what_was_put_is_found_as_it_was_put(panel_of, account, put):
    assert delivery.compared(panel_of(), account, put) == delivery.Comparison([], [])


@pytest.mark.sampled(of=3, each=("name",))
@pytest.mark.parametrize("at", [0, 3000, -2])
@pytest.mark.parametrize("name", ["run", "agent.pyz", "job"])
def test_one_changed_byte_is_seen(panel_of, account, folder, put, name, at):
    flip(folder / name, min(at, 5) if name != "agent.pyz" else at)
    assert delivery.compared(panel_of(), account, put).changed == [f".shoplaunch/{name} was changed"]


@pytest.mark.parametrize("name", ["run", "agent.pyz", "job"])
def test_what_is_gone_is_seen(panel_of, account, folder, put, name):
    (folder / name).unlink()
    assert delivery.compared(panel_of(), account, put).changed == [f".shoplaunch/{name} is gone"]


@pytest.mark.parametrize("damaged", [False, True])
def test_an_agent_that_has_been_started_is_no_text_and_is_said_to_be_unread(
    panel_of, account, folder, files, put, damaged
):
    assert start(account, "--version").returncode == 0
    assert (folder / "agent.pyz").read_bytes() == files.agent
    if damaged:
        flip(folder / "agent.pyz", -2)
    unread = [".shoplaunch/agent.pyz cannot be read through this panel"]
    assert delivery.compared(panel_of(), account, put) == delivery.Comparison([], unread)


@pytest.mark.sampled(of=2, each=("name",))
@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("name", ["run", "agent.pyz"])
@pytest.mark.usefixtures("put")
def test_a_damaged_file_of_the_right_size_with_its_stamp_is_put_anew(panel_of, target, name, started):
    account, folder, files = target.account, target.folder, target.files
    if started:
        start(account, "--version")
    size = (folder / name).stat().st_size
    flip(folder / name, -2)
    assert (folder / name).stat().st_size == size
    panel_of().ensure_agent_anew(account, files)
    assert (folder / "agent.pyz").read_bytes() == armored(files.agent)
    assert (folder / "run").read_bytes() == files.launcher
    assert start(account, "--version").returncode == 0


def test_a_cron_line_that_somebody_made_rare_is_put_there_anew(panel_of, account):
    panel = panel_of()
    panel.ensure_cron(account, LINE)
    assert delivery.changed_line(panel, account, "abcdef123456") == []
    panel.remove_cron(account, "shoplaunch:abcdef123456")
    panel_of().crontab(account)._add(LINE.replace("* * * * *", "0 3 * * *", 1), LINE.split(None, 5)[5])
    assert delivery.changed_line(panel_of(), account, "abcdef123456") == ["the cron line was changed"]
    panel_of().ensure_cron(account, LINE)
    assert panel_of().cron_lines(account) == [LINE]
    panel_of().remove_cron(account, "shoplaunch:abcdef123456")
