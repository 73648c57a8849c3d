"""The cron line's command is started at once: as the account, as cron does, without the controller's descriptors."""

import json
import os
import pwd
import resource
import secrets
import shutil
import subprocess
from pathlib import Path

import pytest

from controller.panels.local.as_account import starting
from shared.job import FOLDER, cron_line
from tests.support.servers.local_server import as_user
from tests.support.waiting import wait_until

pytestmark = pytest.mark.root

#: Writes down what it finds itself in; the last line last, so that a file that is there is whole.
EVIDENCE = b"""#!/usr/bin/python3 -IS
import json, os, resource, sys
names = sorted(name for name in vars(resource) if name.startswith("RLIMIT_"))
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
found = {
    "environment": {name: value for name, value in os.environ.items() if name not in ("PWD", "_", "SHLVL", "OLDPWD")},
    "ids": [os.getresuid(), os.getresgid(), sorted(os.getgroups())],
    "limits": {name: resource.getrlimit(getattr(resource, name)) for name in names},
    "umask": status["Umask"], "nice": os.nice(0), "folder": os.getcwd(),
    "processors": sorted(os.sched_getaffinity(0)), "scheduler": os.sched_getscheduler(0),
    "memory_score": open("/proc/self/oom_score_adj").read(), "groups": open("/proc/self/cgroup").read(),
    "signals": [status[name] for name in ("SigBlk", "SigIgn", "SigCgt")],
    "capabilities": [status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")],
}
found["open"] = {name: os.readlink("/proc/self/fd/" + name) for name in ("0", "1", "2")}
found["others"] = [name for name in os.listdir("/proc/self/fd") if int(name) > 3]
fields = open("/proc/self/stat").read().rpartition(")")[2].split()
found["own_session"] = os.getsid(0) == os.getpgrp() and fields[4] == "0"
found["parent"] = int(fields[1])
path = os.path.expanduser("~/" + sys.argv[1])
open(path + ".new", "w").write(json.dumps(found))
os.rename(path + ".new", path)
"""
RUN = b"exec /usr/bin/python3 -IS ~/.shoplaunch/tells started\n"


@pytest.fixture
def account(server, panel):
    """An account whose launcher writes down what it finds itself in."""
    account = server.new_account()
    panel.put_file(account, f"{FOLDER}/tells", EVIDENCE, 0o600)
    panel.put_file(account, f"{FOLDER}/run", RUN, 0o600)
    return account


def started(account, name="started"):
    path = Path(account.home) / name
    return json.loads(wait_until(lambda: path.exists() and path.read_bytes()))


def start(panel, account):
    return panel.start_now(account, "job-1", 1, 20.0)


def test_the_launcher_runs_as_the_account_detached_with_nothing_of_the_controllers(panel, account, monkeypatch):
    monkeypatch.setenv("SHOPLAUNCH_SECRET", "of the controller")
    found = start(panel, account)
    assert (found.way, found.reason) == ("account", "")
    entry, reported = pwd.getpwnam(account.user), started(account)
    assert reported["ids"] == [[entry.pw_uid] * 3, [entry.pw_gid] * 3, [entry.pw_gid]]
    assert reported["environment"]["SHOPLAUNCH_START"] == "account"
    assert "SHOPLAUNCH_SECRET" not in reported["environment"]
    assert (reported["open"], reported["others"]) == (dict.fromkeys("012", "/dev/null"), [])
    assert reported["own_session"] and reported["folder"] == account.home
    assert set(reported["capabilities"]) == {"0" * 16}
    assert reported["signals"][0] == "0" * 16


#: What an account may have above its jobs.
VARIABLES = """\
# A_COMMENT=no variable
PATH=/usr/local/bin:/usr/bin:/bin
  SPACED  =  with blanks  inside\x20\x20
QUOTED = "  kept  "
SINGLE='a "b" = c'
EQUALS=a=b=c
SHELL=/bin/bash
MAILTO=""
LOGNAME=somebody
10 5 * * * PASSED=over true
"""


@pytest.mark.sampled(of=3, rests=True)
def test_it_finds_what_a_job_of_this_machines_cron_finds(panel, account):
    """By the real cron, whatever limits, priority, mask and score the controller itself has."""
    subprocess.run(["crontab", "-u", account.user, "-"], input=VARIABLES, text=True, check=True)
    line = "* * * * * /usr/bin/python3 -IS ~/.shoplaunch/tells by_cron >/dev/null 2>&1 # shoplaunch:job-2"
    panel.ensure_cron(account, line)
    limits = {limit: resource.getrlimit(limit) for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)}
    mask, score = os.umask(0o007), Path("/proc/self/oom_score_adj").read_text()
    priority = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1000, limits[resource.RLIMIT_NOFILE][1]))
        os.setpriority(os.PRIO_PROCESS, 0, 15)
        Path("/proc/self/oom_score_adj").write_text("77")
        assert start(panel, account).way == "account"
        at_once = started(account)
    finally:
        os.umask(mask)
        os.setpriority(os.PRIO_PROCESS, 0, priority)
        Path("/proc/self/oom_score_adj").write_text(score)
        for limit, both in limits.items():
            resource.setrlimit(limit, both)
    by_cron = started(account, "by_cron")
    panel.remove_cron(account, "shoplaunch:job-2")
    assert at_once["environment"].pop("SHOPLAUNCH_START") == "account"
    # Cron's own names for it differ from one cron to the next
    at_once["environment"].pop("USER")
    by_cron["environment"].pop("USER", None)
    for reported in (at_once, by_cron):
        # Cron waits for its jobs and stays above them; what its own starter left to it is no wish of anybody's
        for name in ("parent", "open", "others", "own_session", "signals"):
            reported.pop(name)
    assert at_once == by_cron
    assert by_cron["environment"]["SPACED"] == "with blanks  inside" and "PASSED" not in by_cron["environment"]


def test_a_home_of_the_crontabs_is_where_it_starts(panel, account):
    home = Path(account.home)
    subprocess.run(["crontab", "-u", account.user, "-"], input=f"HOME={home}/nowhere\n", text=True, check=True)
    found = start(panel, account)
    assert (found.way, found.reason) == ("", "home_closed")
    subprocess.run(["crontab", "-u", account.user, "-"], input="HOME=/\n", text=True, check=True)
    # As by cron: the launcher is looked for there
    assert start(panel, account).way == "account"
    assert not (home / "started").exists()


def test_a_shell_of_the_crontabs_that_is_none_starts_nothing(panel, account):
    subprocess.run(["crontab", "-u", account.user, "-"], input="SHELL=/no/shell\n", text=True, check=True)
    assert (start(panel, account).way, start(panel, account).reason) == ("", "failed")


@pytest.fixture
def daemon(tmp_path, monkeypatch):
    """Stand for cron: return what starts a process of root's that is called as `cron` is for this test."""
    name, processes = f"sl{secrets.token_hex(4)}", []
    shutil.copy("/usr/bin/sleep", tmp_path / name)
    wanted = f'CRON_NAMES = ("{name}",)'
    assert 'CRON_NAMES = ("cron", "crond")' in starting.SOURCE
    source = starting.SOURCE.replace('CRON_NAMES = ("cron", "crond")', wanted)
    monkeypatch.setattr(starting, "SOURCE", source)

    def begin(*how):
        processes.append(subprocess.Popen([*how, str(tmp_path / name), "600"]))
        comm = Path(f"/proc/{processes[-1].pid}/comm")
        wait_until(lambda: comm.read_text().strip() == name)

    begin.name = name
    yield begin
    for process in processes:
        process.kill()
        process.wait(120)


@pytest.fixture
def sessions(daemon, tmp_path):
    """The sessions of cron's PAM service begun and ended: return what reads them; `refuse` lets none begin."""
    service, notes, script = Path("/etc/pam.d", daemon.name), tmp_path / "notes", tmp_path / "note"
    script.write_text(f"#!/bin/sh\necho $PAM_TYPE $PAM_USER >>{notes}\n")
    script.chmod(0o755)
    rules = f"account required pam_permit.so\nsession required pam_exec.so quiet {script}\n"

    def seen(*more):
        service.write_text("".join([rules, *more]))
        return notes.read_text().splitlines() if notes.exists() else []

    seen()
    yield seen
    service.unlink()


HELD = b"touch ~/began\nwhile test ! -e ~/go; do sleep 0.02; done\n"


def test_the_session_of_a_start_lasts_as_long_as_the_launcher(panel, account, sessions):
    panel.put_file(account, f"{FOLDER}/run", HELD, 0o600)
    assert start(panel, account).way == "account"
    wait_until((Path(account.home) / "began").exists)
    assert sessions() == [f"open_session {account.user}"]
    (Path(account.home) / "go").touch()
    wait_until(lambda: len(sessions()) > 1)
    assert sessions() == [f"open_session {account.user}", f"close_session {account.user}"]


def test_the_session_of_a_start_that_fails_is_ended_at_once(panel, account, sessions):
    home = Path(account.home)
    home.chmod(0)
    assert start(panel, account).reason == "home_closed"
    home.chmod(0o750)
    assert sessions() == [f"open_session {account.user}", f"close_session {account.user}"]


def test_an_account_that_may_begin_no_session_is_left_to_cron(panel, account, sessions):
    sessions("session required pam_deny.so\n")
    found = start(panel, account)
    assert (found.way, found.reason) == ("", "account_closed")
    assert not (Path(account.home) / "started").exists()


def test_limits_of_cron_are_the_launchers(panel, account, daemon):
    daemon("prlimit", "--nofile=500:600", "--cpu=1000", "nice", "-n", "7")
    assert start(panel, account).way == "account"
    process = started(account)
    assert process["limits"]["RLIMIT_NOFILE"] == [500, 600]
    assert process["limits"]["RLIMIT_CPU"] == [1000, 1000]
    assert process["nice"] == min(os.getpriority(os.PRIO_PROCESS, 0) + 7, 19)


def test_an_account_without_room_for_a_process_is_left_to_cron(panel, account, daemon):
    daemon("prlimit", "--nproc=2")
    entry = pwd.getpwnam(account.user)
    held = [subprocess.Popen(["sleep", "600"], user=entry.pw_uid, group=entry.pw_gid) for _ in range(4)]
    try:
        assert (start(panel, account).way, start(panel, account).reason) == ("", "limits")
        assert not (Path(account.home) / "started").exists()
    finally:
        for process in held:
            process.kill()
            process.wait(120)


def test_an_account_that_has_expired_is_left_as_cron_leaves_it(panel, account):
    subprocess.run(["usermod", "--expiredate", "1", account.user], check=True)
    found = start(panel, account)
    assert (found.way, found.reason) == ("", "account_closed")
    assert not (Path(account.home) / "started").exists()


def test_a_shell_nobody_may_log_in_with_is_no_obstacle(panel, account):
    assert pwd.getpwnam(account.user).pw_shell == "/usr/sbin/nologin"
    assert start(panel, account).way == "account"
    assert started(account)


def test_a_home_that_is_closed_or_gone_is_no_failure_of_the_step(panel, account):
    home = Path(account.home)
    home.chmod(0)
    found = start(panel, account)
    assert (found.way, found.reason) == ("", "home_closed")
    assert oct(home.stat().st_mode)[-3:] == "000", "nothing is changed for it"
    home.chmod(0o750)
    home.rename(f"{home}.gone")
    assert start(panel, account).reason == "home_closed"
    Path(f"{home}.gone").rename(home)


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("launcher", [b"exit 1\n", b"kill -9 $$\n", b"\0\xff\n", b"kill -STOP $$\n", None])
def test_whatever_the_launcher_is_it_is_only_started(panel, account, launcher):
    if launcher is None:
        assert as_user(account.user, "rm", f"{account.home}/{FOLDER}/run").returncode == 0
    else:
        panel.put_file(account, f"{FOLDER}/run", launcher, 0o600)
    for _ in range(2):
        assert start(panel, account).way == "account"
    as_user(account.user, "pkill", "-KILL", "-u", account.user)


def test_the_command_is_the_cron_lines_own(panel, account, monkeypatch):
    given = []
    monkeypatch.setattr(starting, "start", lambda *about: given.append(about))
    panel.start_now(account, "job-7", 3, 4.5)
    ((identity, command, _variables, within),) = given
    assert cron_line("job-7") == f"* * * * * {command}"
    assert (identity.name, within) == (account.user, 4.5)


def test_a_child_that_hangs_is_ended(panel, account, monkeypatch):
    monkeypatch.setattr(starting, "SOURCE", "import time; time.sleep(20)")
    found = panel.start_now(account, "job-1", 1, 0.3)
    assert (found.way, found.reason) == ("", "took_too_long")


@pytest.mark.parametrize("source", ["raise SystemExit(1)", 'print(\'{"reason": "rm -rf"}\')', "print('x' * 200000)"])
def test_a_child_that_answers_nonsense_is_a_failure_like_any(panel, account, monkeypatch, source):
    monkeypatch.setattr(starting, "SOURCE", source)
    found = panel.start_now(account, "job-1", 1, 20.0)
    assert (found.way, found.reason) == ("", "failed")
