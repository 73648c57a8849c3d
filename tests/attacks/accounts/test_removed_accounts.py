"""Nothing of an account keeps it from being removed, or serves its owner once its name or number is somebody else's."""

import pwd
import subprocess
from pathlib import Path

import pymysql
import pytest

from controller.panels.local import uids
from controller.panels.local.as_account import run
from tests.attacks.table import attack
from tests.support.servers.local_server import LocalServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.root

PYTHON = "/usr/bin/python3"
#: The first thread ends by itself; another one goes on, and says so in the file that is named.
HIDDEN = """
import ctypes, os, sys, threading, time
def stay():
    while True:
        time.sleep(0.01)
        with open(sys.argv[1], "a") as stream:
            stream.write(".")
threading.Thread(target=stay).start()
print("up", flush=True)
ctypes.CDLL(None).syscall(int(sys.argv[2]), 0)
"""
EXIT_OF_A_THREAD = {"x86_64": "60", "aarch64": "93"}
#: Ends, or stops, every other process it may.
FIGHTER = """
import os, sys
print("up", flush=True)
while True:
    try:
        os.kill(-1, int(sys.argv[1]))
    except ProcessLookupError:
        pass
"""


@pytest.fixture(scope="module")
def server():
    """A running LocalServer."""
    server = LocalServer()
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def program():
    """Start a program as an account; it is collected at the end."""
    started = []

    def start(user, *arguments):
        entry = pwd.getpwnam(user)
        process = subprocess.Popen(
            [PYTHON, "-I", "-c", *arguments],
            user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], cwd=entry.pw_dir, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout.readline() == b"up\n"
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@attack(
    "A client whose account is removed has a process that shows as ended while a thread of it goes on.",
    "It is ended with all others.",
)
def test_a_process_that_shows_as_ended_is_ended(server, program):
    account = server.new_account()
    machine = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip()
    process = program(account.user, HIDDEN, "sign", EXIT_OF_A_THREAD[machine])
    status = Path(f"/proc/{process.pid}/status")
    wait_until(lambda: "State:\tZ" in status.read_text() and "Threads:\t2" in status.read_text())
    server.panel().remove_account(account)
    assert process.wait(60) == -9


@pytest.mark.sampled(of=2)
@attack(
    "A client's process ends, or stops, every process that comes to remove its account.",
    "Who removes it cannot be reached by it, and ends it.",
)
@pytest.mark.parametrize("signal", ["9", "19"])
def test_a_process_that_fights_back_is_ended(server, program, monkeypatch, signal):
    # Only stops a test that would hang
    monkeypatch.setattr(run, "LONG_SECONDS", 60)
    account = server.new_account()
    process = program(account.user, FIGHTER, signal)
    panel = server.panel()
    for number in range(3):
        panel.put_file(account, "public_html/index.html", b"%d" % number, 0o644)
    panel.remove_account(account)
    assert process.wait(60) == -9
    assert panel.find_account(account.user) is None


@attack(
    "A client leaves files, jobs of `at` or processes behind that are known by the number of the account alone.",
    "The number is given to no account again.",
)
def test_the_number_of_a_removed_account_is_nobodys(server, monkeypatch):
    # Whatever accounts others make meanwhile
    monkeypatch.setattr(uids, "_highest", lambda highest=uids._highest() + 500: highest)
    numbers = []
    for _ in range(2):
        account = server.new_account()
        entry = pwd.getpwnam(account.user)
        numbers += [entry.pw_uid, entry.pw_gid]
        server.panel().remove_account(account)
    again = server.new_account()
    assert pwd.getpwnam(again.user).pw_uid not in numbers
    assert pwd.getpwnam(again.user).pw_gid not in numbers


@attack(
    "A client's processes would run as one of the further numbers that systems give to each new user.",
    "An account has no number but its own.",
)
def test_an_account_has_no_further_numbers(server):
    account = server.new_account()
    for path in map(Path, ("/etc/subuid", "/etc/subgid")):
        lines = path.read_text().splitlines() if path.exists() else []
        assert [line for line in lines if line.startswith(f"{account.user}:")] == []


@attack(
    "A client keeps the database user of a job that was under way when the account was removed, and waits until the "
    "account's name is sold again.",
    "All the account's database users go with it.",
)
def test_database_users_of_jobs_go_with_the_account(server):
    account, panel = server.new_account(), server.panel()
    database, _ = panel.database_names(account)
    user = panel.temporary_user(account, "abcde12345")
    panel.ensure_database(account, database)
    panel.ensure_database_user(account, user, "kept")
    panel.ensure_privileges(account, database, user)
    panel.remove_account(account)
    again = panel.ensure_account(account.user, account.domain, create=True, email="next@example.com")
    panel.ensure_database(again, database)
    with pytest.raises(pymysql.err.OperationalError):
        pymysql.connect(unix_socket=str(server.stack.mariadb_socket), user=user, password="kept", database=database)
    assert server.query("SELECT User FROM mysql.db WHERE Db = %s", database.replace("_", "\\_")) == ()


@attack(
    "A client whose account is called as the beginning of another one's database user lets it be removed.",
    "The other's database user stays.",
)
def test_users_of_an_account_that_is_called_alike_stay(server):
    panel, account = server.panel(), server.new_account()
    alike = panel.ensure_account(
        server.known_user(f"{account.user}_sl"), f"like-{account.domain}", create=True, email="next@example.com"
    )
    database, user = panel.database_names(alike)
    panel.ensure_database(alike, database)
    panel.ensure_database_user(alike, user, "kept")
    panel.remove_account(account)
    assert panel.has_database_user(alike, user)


@pytest.mark.sampled(of=3, rests=True)
@attack(
    "A client fills the home with a folder of so many entries that listing it would take the memory.",
    "It is listed, and removed, so many at a time.",
)
def test_folders_of_many_entries_are_listed_and_removed_in_pieces(server):
    account, panel = server.new_account(), server.panel()
    entry = pwd.getpwnam(account.user)
    folder = Path(account.home, "many")
    subprocess.run(
        [PYTHON, "-c", f"import os\nos.mkdir({str(folder)!r})\nfor n in range(25000):\n"
         f"    open({str(folder)!r} + '/%d' % n, 'w').close()"],
        user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], cwd="/", check=True,
    )  # fmt: skip
    assert panel.home_entries(account) is None
    panel.remove_account(account)
    assert not folder.exists()
