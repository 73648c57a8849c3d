"""What an account does to whatever starts its agent at once: it gets nothing of root's, and holds nobody up."""

import os
import pwd
import subprocess
import time
from pathlib import Path

import pytest

from controller.panels.local.as_account import starting
from shared.job import FOLDER
from tests.attacks.table import attack
from tests.support.servers.local_server import LocalServer

pytestmark = pytest.mark.root

#: Tries everything on whatever works as the account, until it is ended; what worked goes into a file.
HOSTILE = """
import ctypes, os, signal, sys
own = os.getpid()
def becomes(name):
    try:
        status = dict(line.split(":\\t", 1) for line in open("/proc/%s/status" % name) if ":\\t" in line)
        real, effective = status["Uid"].split()[:2]
    except (OSError, KeyError):
        return False
    return int(effective) == os.geteuid() and real != effective
while True:
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == own or not becomes(name):
            continue
        done = []
        for one in (signal.SIGSTOP, signal.SIGKILL):
            try:
                os.kill(int(name), one)
                done.append("signal %d" % one)
            except OSError:
                pass
        for path in ("environ", "mem", "fd/0"):
            try:
                open("/proc/%s/%s" % (name, path), "rb").read(1)
                done.append(path)
            except OSError:
                pass
        if ctypes.CDLL(None).ptrace(16, int(name), 0, 0) == 0:
            done.append("traced")
        if done and not becomes(name):
            # It was the agent by then
            continue
        with open(sys.argv[1], "a") as stream:
            stream.write("%s;" % ",".join(done))
"""
#: Stops and ends whatever is the account's, itself apart, as fast as it can.
STOPS = """
import os, signal
while True:
    for one in (signal.SIGSTOP, signal.SIGKILL):
        try:
            os.kill(-1, one)
        except OSError:
            pass
"""


@pytest.fixture(scope="module")
def server():
    """A private server."""
    server = LocalServer().start()
    yield server
    server.stop()


@pytest.fixture
def account(server):
    """An account with a launcher that says that it ran."""
    account = server.new_account()
    server.panel().put_file(account, f"{FOLDER}/run", b"echo ran >>~/ran\n", 0o600)
    return account


@pytest.fixture
def hostile(account):
    """Return what begins a hostile program of the account's; it is ended with the test."""
    entry, processes = pwd.getpwnam(account.user), []

    def begin(program, *arguments):
        command = ["/usr/bin/python3", "-I", "-S", "-c", program, *arguments]
        processes.append(subprocess.Popen(command, user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], cwd="/"))

    yield begin
    for process in processes:
        process.kill()
        process.wait(120)


@attack(
    "An account stops, ends, reads and traces the process that is about to become its agent",
    "until that is the agent it is nobody's of this machine: nothing of it can be touched, and the agent starts",
)
def test_what_becomes_the_agent_cannot_be_touched_before(server, account, hostile, monkeypatch, tmp_path):
    seen = Path(account.home) / "seen"
    hostile(HOSTILE, str(seen))
    # Long enough for the account to find it
    slow = starting.SOURCE.replace("        os.umask(mask)\\n", "        os.umask(mask)\\n        time.sleep(3)\\n")
    assert slow != starting.SOURCE
    monkeypatch.setattr(starting, "SOURCE", slow)
    found = server.panel().start_now(account, "job-1", 1, 60.0)
    assert (found.way, found.reason) == ("account", "")
    tries = seen.read_text().split(";")[:-1]
    assert tries and set(tries) == {""}


@attack(
    "An account stops and ends everything of its own while its agent is started at once",
    "the controller has its answer in time, whatever it is, and nothing of root's is left waiting",
)
def test_an_account_that_stops_everything_holds_nobody_up(server, account, hostile):
    hostile(STOPS)
    for _ in range(10):
        found = server.panel().start_now(account, "job-1", 1, 5.0)
        assert found.way == "account" or found.reason in ("took_too_long", "failed", "limits")
    assert children() == []


def children():
    """Return the processes this one began to start something, and that are still there."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"start_helper.py" in (process / "cmdline").read_bytes():
                found.append(process.name)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


@attack(
    "An account puts a link, a folder, a pipe or another's file in the place of its launcher",
    "the shell of the account meets it, as it does by cron; root opens nothing there",
)
@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "folder_link"])
def test_links_in_the_launchers_place_are_met_by_the_account_alone(server, account, kind, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("echo stolen >~/stolen\n")
    secret.chmod(0o600)
    run = Path(account.home) / FOLDER / "run"
    run.unlink()
    if kind == "link":
        run.symlink_to(secret)
    elif kind == "folder":
        run.mkdir()
        os.chown(run, pwd.getpwnam(account.user).pw_uid, -1)
    elif kind == "pipe":
        subprocess.run(["mkfifo", run], check=True)
    else:
        run.parent.rename(tmp_path / "moved")
        run.parent.symlink_to(tmp_path)
        (tmp_path / "run").write_text("echo stolen >~/stolen\n")
        (tmp_path / "run").chmod(0o600)
    found = server.panel().start_now(account, "job-1", 1, 5.0)
    assert (found.way, found.reason) == ("account", "")
    deadline = time.monotonic() + 60
    # What waits at a pipe waits for ever
    while kind != "pipe" and subprocess.run(["pgrep", "-u", account.user, "-x", "sh"], capture_output=True).stdout:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert not (Path(account.home) / "stolen").exists()
