"""Starters that vanish, cannot be written or are never asked for: cron starts the agent, and nothing stays behind."""
# ruff: noqa: F811

import contextlib
import os
import pwd
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests

from controller.jobs.agent_link import ring
from controller.panels.cpanel.start import at_once, web_start
from controller.panels.cpanel.start.starter import Starter
from shared.job import AGENT_FILE, LAUNCHER_FILE, cron_line
from shared.starter import NAME
from tests.attacks.table import attack
from tests.integration.cpanel_shops.conftest import bundle, server, template, usual_server, whm, world  # noqa: F401
from tests.integration.cpanel_shops.test_start_at_once import (  # noqa: F401
    key_of,
    left_unasked,
    rung,
    start_of,
    starters,
)

pytestmark = pytest.mark.root
TIMEOUT = 120
#: A launcher's line: one that is started at once dies before it is an agent.
DIES = b'test -z "$SHOPLAUNCH_START" || kill -9 $$\n'


@pytest.mark.sampled(of=3, rests=True)
@attack(
    "The controller is killed between writing a starter and asking for it",
    "the agent that cron starts takes it away, and it occupies nothing",
)
def test_a_starter_nobody_asked_for_goes_with_the_agent_that_cron_starts(rung, monkeypatch):
    left_unasked(monkeypatch)
    job = rung.sold()
    (left,) = starters(rung, job)
    assert left.name == Starter(key_of(rung), job.id, 1).name
    rung.until(job)
    assert rung.job(job).state == "live", rung.trouble(job)
    assert starters(rung, job) == []


@attack(
    "A malware scanner takes the starter away before it is asked for",
    "cron starts the agent, and no starter is put on that server for a month",
)
def test_a_starter_that_vanishes_stops_the_ringing_on_that_server(rung, monkeypatch):
    real = web_start.ask

    def ask_late(place, starter, until):
        for path in Path(rung.whm.server.directory).glob(f"home*/*/public_html/{starter.name}"):
            path.unlink()
        return real(place, starter, until)

    monkeypatch.setattr(web_start, "ask", ask_late)
    job = rung.sold()
    assert start_of(rung, job)["reason"] == "vanished"
    rung.until(job)
    assert rung.job(job).state == "live", rung.trouble(job)
    monkeypatch.setattr(web_start, "ask", real)
    second = rung.sold()
    assert start_of(rung, second)["reason"] == "vanished"
    assert rung.job(second).facts["start_prepared"] == "vanished"
    rung.clock.pass_by(31 * 24 * 3600)
    third = rung.sold()
    assert start_of(rung, third)["way"] == "web"
    # Its clock is a month behind the job file's
    rung.wait_for_agent(third)


@pytest.mark.sampled(of=2)
@attack(
    "A malware scanner empties the starter, or closes it to everybody, instead of taking it away",
    "that is as good as gone: no starter is put on that server for a month; the file is in nobody's way, and goes",
)
@pytest.mark.parametrize(
    ("quarantine", "reason"), [(lambda path: path.write_bytes(b""), "emptied"), (lambda path: path.chmod(0), "closed")],
    ids=["emptied", "closed"],
)  # fmt: skip
def test_a_starter_that_is_quarantined_where_it_lies_stops_the_ringing_too(rung, monkeypatch, quarantine, reason):
    real = web_start.ask

    def ask_late(place, starter, until):
        (path,) = Path(rung.whm.server.directory).glob(f"home*/*/public_html/{starter.name}")
        quarantine(path)
        return real(place, starter, until)

    with monkeypatch.context() as patch:
        left_unasked(patch)
        patch.setattr(web_start, "ask", ask_late)
        job = rung.sold()
    assert start_of(rung, job)["reason"] == reason
    assert len(starters(rung, job)) == 1
    second = rung.sold()
    assert start_of(rung, second)["reason"] == reason and starters(rung, second) == []
    rung.until(job)
    assert rung.job(job).state == "live", rung.trouble(job)
    assert starters(rung, job) == []


@attack(
    "A malware scanner closes the starter while the agent is at work already",
    "the controller takes it away before the shop is called ready",
)
def test_a_closed_starter_that_the_agent_left_is_taken_away_by_the_controller(rung, monkeypatch):
    left_unasked(monkeypatch)
    job = rung.sold()
    (left,) = starters(rung, job)
    text, owner = left.read_bytes(), pwd.getpwnam(job.account)
    rung.run_agent(job)
    left.write_bytes(text)
    os.chown(left, owner.pw_uid, owner.pw_gid)
    left.chmod(0)
    rung.until(job)
    assert rung.job(job).state == "live", rung.trouble(job)
    assert starters(rung, job) == []


@attack(
    "Cron is faster: its agent takes the starter away before it is asked for",
    "that is no scanner's doing: nothing is learned of the server",
)
def test_an_agent_that_cron_started_first_is_distinguished_from_a_scanner(rung, monkeypatch):
    real = web_start.ask

    def ask_late(_place, starter, _until):
        (path,) = Path(rung.whm.server.directory).glob(f"home*/*/public_html/{starter.name}")
        rung.run_agent(SimpleNamespace(account=path.parents[1].name))
        assert not path.exists()
        return web_start.Outcome(gone=True)

    monkeypatch.setattr(ring, "WITHIN_SECONDS", 120.0)
    monkeypatch.setattr(web_start, "ask", ask_late)
    job = rung.sell()
    rung.until(job)
    assert rung.job(job).state == "live", rung.trouble(job)
    assert start_of(rung, job)["reason"] == "overtaken"
    monkeypatch.setattr(web_start, "ask", real)
    second = rung.sold()
    assert start_of(rung, second)["way"] == "web"
    rung.wait_for_agent(second)


@attack(
    "A stranger asks for the starter before the job file lies there",
    "an agent finds no job, as at a tick of cron, and cron starts the one that does the work",
)
def test_a_starter_that_is_asked_before_the_job_file_lies_there_leaves_the_start_to_cron(rung, monkeypatch):
    real, hosting, answers, left = at_once.put_files, rung.new_account(), [], []

    def put_late(files, wanted):
        (path,) = [path for path in wanted if NAME.match(Path(path).name)]
        files.put_extra(path, wanted[path][0])
        assert files.wait_for_extra(TIMEOUT)
        address = f"http://{rung.whm.ip}:{rung.whm.http_port}/{Path(path).name}"
        answers.append(requests.post(address, headers={"Host": hosting.domain}, timeout=TIMEOUT))
        rung.wait_for_agent(SimpleNamespace(account=hosting.user))
        folder = rung.agent_folder(SimpleNamespace(account=hosting.user))
        left.append({one.name for one in folder.iterdir()})
        real(files, {other: about for other, about in wanted.items() if other != path})

    with monkeypatch.context() as patch:
        patch.setattr(at_once, "put_files", put_late)
        job = rung.sold(hosting)
    (answer,) = answers
    assert answer.json()["started"], answer.text
    assert left[0] >= {AGENT_FILE, LAUNCHER_FILE}
    assert start_of(rung, job)["way"] == "" and starters(rung, job) == []
    rung.until(job)
    assert rung.job(job).state == "live", rung.trouble(job)


@attack(
    "The agent dies as soon as it was started at once",
    "its cron line lies there as ever: cron starts the one that does the work, and that is what is reported",
)
def test_an_agent_that_dies_as_soon_as_it_was_started_at_once_leaves_the_work_to_cron(rung):
    launcher = rung.config.agent / "run"
    head, rest = launcher.read_bytes().split(b"\n", 1)
    launcher.write_bytes(head + b"\n" + DIES + rest)
    job = rung.sold()
    assert start_of(rung, job)["way"] == "web" and starters(rung, job) == []
    panel = rung.open_panel()
    assert cron_line(job.id) in panel.cron_lines(panel.find_account(job.account))
    rung.until(job)
    assert rung.job(job).state == "live", rung.trouble(job)
    start = rung.status(job)["start"]
    assert (start["way"], start["reason"]) == ("cron", "unheard")


@contextlib.contextmanager
def mounted(hosting, options, *, filled=False):
    """Until the end the document root is a file system of its own, full where `filled`."""
    root, entry = Path(hosting.document_root_path), pwd.getpwnam(hosting.user)
    more = f"mode=750,uid={entry.pw_uid},gid={entry.pw_gid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"{options},{more}", "shoplaunch-test", str(root)], check=True)
    try:
        if filled:
            with contextlib.suppress(OSError):
                (root / "filler").write_bytes(b"x" * (1 << 20))
        yield root
    finally:
        subprocess.run(["umount", str(root)], check=True)


@pytest.mark.sampled(of=3)
@attack(
    "The document root is a file system that is full, or nearly, or read-only, when the starter is written",
    "the job goes on, and cron starts the agent; of a starter there is an empty file at most",
)
@pytest.mark.parametrize(("options", "filled"), [("size=16k", True), ("nr_inodes=1", False), ("ro", False)])
def test_a_document_root_without_room_leaves_the_start_to_cron(rung, options, filled):
    hosting = rung.new_account()
    with mounted(hosting, options, filled=filled):
        job = rung.sold(hosting)
        assert (start_of(rung, job)["way"], start_of(rung, job)["reason"]) == ("", "not_written")
        left = {path.name: path.read_bytes() for path in starters(rung, job)}
        assert set(left) <= {Starter(key_of(rung), job.id, 1).name} and set(left.values()) <= {b""}
        row = rung.steps(job)["cron"]
        assert (row.state, row.attempts, row.failures) == ("done", 1, 0)
    rung.until(job)
    assert rung.job(job).state == "live", rung.trouble(job)


@attack(
    "The document root takes no file when the starter is written",
    "the job goes on, and cron starts the agent",
)
def test_a_document_root_that_takes_no_file_leaves_the_start_to_cron(rung):
    hosting = rung.new_account()
    root = Path(hosting.document_root_path)
    root.chmod(0o555)
    job = rung.sold(hosting)
    assert start_of(rung, job)["reason"] == "not_written", start_of(rung, job)
    root.chmod(0o750)
    rung.until(job)
    assert rung.job(job).state == "live", rung.trouble(job)
