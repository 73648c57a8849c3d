"""Accounts of the local panel: created from the skeleton, repaired, never foreign, removed without a trace."""

import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pymysql
import pytest

from controller.panels.local import accounts, uids
from shared.errors import ShoplaunchError
from tests.support.error_codes import error_code
from tests.support.servers.local_server import FILES, as_user, snapshot

pytestmark = pytest.mark.root


def create(server, user, domain=None, **changes):
    return server.panel(**changes).ensure_account(user, domain or f"{user}.test", create=True, email="o@example.com")


@pytest.fixture
def foreign_user(server):
    """Make system accounts the panel did not make; they go at the end."""
    made = []

    def make(home, *options):
        user = "slf" + os.urandom(5).hex()
        command = ["useradd", "--no-create-home", "--home-dir", str(home), *options, user]
        subprocess.run(command, check=True, capture_output=True)
        made.append(user)
        return user

    yield make
    for user in made:
        subprocess.run(["userdel", "--force", user], check=True, capture_output=True)


def test_a_new_account_is_born_from_the_skeleton_with_the_right_owner_and_modes(server):
    server.panel().ensure_skeleton(FILES)
    account = create(server, server.new_user())
    entry = pwd.getpwnam(account.user)
    home = Path(account.home)
    modes = {
        home: 0o750, home / "public_html": 0o750, home / ".shoplaunch": 0o700, home / ".shoplaunch/run": 0o700,
        home / ".shoplaunch/agent.pyz": 0o600, home / ".php/sessions": 0o700,
    }  # fmt: skip
    assert {path: stat.S_IMODE(path.stat().st_mode) for path in modes} == modes
    assert all(path.stat().st_uid == entry.pw_uid for path in modes)
    assert (home / "public_html").stat().st_gid == entry.pw_gid
    assert (home / ".shoplaunch/agent.pyz").read_bytes() == FILES.agent
    assert os.getgrouplist(account.user, entry.pw_gid) == [entry.pw_gid]


def test_a_second_run_of_everything_changes_nothing(server):
    account = server.new_account()
    panel = server.panel()

    def everything():
        panel.ensure_account(account.user, account.domain, create=True, email="o@example.com")
        panel.ensure_php(account, "7.2", None, ["curl"])
        panel.ensure_agent(account, FILES)
        panel.put_file(account, ".shoplaunch/job", b"job", 0o600)
        panel.ensure_cron(account, "* * * * * true # shoplaunch:1")

    everything()
    places = [account.home, server.stack.apache / "sites", *(php.pools for php in server.stack.php_versions())]
    places.append(f"/var/spool/cron/crontabs/{account.user}")
    before = snapshot(*places)
    everything()
    assert snapshot(*places) == before


@pytest.mark.parametrize(
    "user",
    ["", "A", "1a", "_a", "a-b", "a.b", "a b", "a" * 32, "a\n", "-f", "root;id", "../x", "ü", "a/b", "a\0b", "$(id)"],
)
def test_a_bad_name_is_refused_before_any_command(server, monkeypatch, user):
    ran = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **more: ran.append(command))
    for operation in (
        lambda: server.panel().find_account(user),
        lambda: server.panel().ensure_account(user, "x.test", create=True, email=""),
    ):
        assert error_code(operation) == "account_invalid"
    assert ran == []


@pytest.mark.parametrize("user", ["root", "daemon", "mysql", "nobody"])
def test_accounts_of_the_system_are_never_touched(server, user):
    panel = server.panel()
    assert error_code(lambda: panel.find_account(user)) == "account_foreign"
    assert error_code(lambda: panel.ensure_account(user, "x.test", create=True, email="")) == "account_foreign"


def test_an_account_with_its_home_elsewhere_is_foreign(server, foreign_user):
    user = foreign_user(server.directory / "elsewhere", "--comment", "shoplaunch")
    assert error_code(lambda: server.panel().find_account(user)) == "account_foreign"
    assert user not in [account.user for account in server.panel().list_accounts()]


def test_an_account_that_shares_its_number_with_another_is_foreign(server, foreign_user):
    account = server.new_account()
    uid = pwd.getpwnam(account.user).pw_uid
    user = "sltwin" + os.urandom(3).hex()
    # Its line comes later, so looking the number up gives the other name.
    twin = foreign_user(server.home_base / user)
    subprocess.run(["usermod", "--non-unique", "--uid", str(uid), "--home", f"{server.home_base}/{twin}", twin],
                   check=True, capture_output=True)  # fmt: skip
    assert error_code(lambda: server.panel().find_account(twin)) == "account_foreign"


def test_an_existing_account_is_not_taken_over_by_an_order_that_creates_one(server, foreign_user):
    user = foreign_user(server.home_base / "placeholder")
    subprocess.run(["usermod", "--home", f"{server.home_base}/{user}", user], check=True)
    home = Path(server.home_base) / user
    home.mkdir(mode=0o755)
    os.chown(home, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    try:
        panel = server.panel()
        assert error_code(lambda: create(server, user)) == "account_foreign"
        assert list(home.iterdir()) == []
        # Named on purpose it gets a site, but its home keeps its mode, and it is never removed.
        account = panel.ensure_account(user, f"{user}.test", create=False, email="")
        assert stat.S_IMODE(home.stat().st_mode) == 0o755
        assert error_code(lambda: panel.remove_account(account)) == "account_foreign"
        assert user not in [one.user for one in panel.list_accounts()]
    finally:
        panel._sites.remove(user)
        panel._pools.remove(user)
        shutil.rmtree(home)


def test_without_create_a_missing_account_is_reported(server):
    user = server.new_user()
    assert server.panel().find_account(user) is None
    operation = lambda: server.panel().ensure_account(user, "a.test", create=False, email="")  # noqa: E731
    assert error_code(operation) == "account_missing"


def test_a_folder_left_where_the_home_would_be_is_not_adopted(server):
    user = server.new_user()
    left = Path(server.home_base) / user
    left.mkdir()
    assert error_code(lambda: create(server, user)) == "account_foreign"
    left.rmdir()
    assert server.panel().find_account(user) is None


@pytest.mark.parametrize("left", ["no home", "home of root", "half a home"])
def test_an_interrupted_creation_is_completed_by_the_next_call(server, left):
    user = server.new_user()
    home = Path(server.home_base) / user
    command = ["useradd", "--no-create-home", "--user-group", "--home-dir", str(home), "--comment", "shoplaunch", user]
    subprocess.run(command, check=True, capture_output=True)
    if left != "no home":
        home.mkdir(mode=0o755)
    if left == "half a home":
        os.chown(home, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    account = create(server, user)
    assert home.stat().st_uid == pwd.getpwnam(user).pw_uid
    assert stat.S_IMODE(home.stat().st_mode) == 0o750
    server.panel().put_file(account, "public_html/index.html", b"here", 0o644)
    assert server.get(account.domain) == (200, b"here")


def test_a_domain_or_account_that_serves_something_else_is_refused(server):
    account = server.new_account()
    other = server.new_user()
    for domain in (account.domain, f"www.{account.domain}"):
        assert error_code(lambda domain=domain: create(server, other, domain)) == "name_taken"
    assert server.panel().find_account(other) is None
    assert error_code(lambda: create(server, account.user, "another.test")) == "name_taken"
    assert server.panel().find_account(account.user).domain == account.domain


@pytest.mark.parametrize(
    "domain", ["", "x", "-a.test", "a..test", "a b.test", "a.test\n<x>", "*.test", "A.test", "ü.test"]
)
def test_a_bad_domain_never_reaches_a_configuration_file(server, domain):
    user = server.new_user()
    assert error_code(lambda: server.panel().ensure_account(user, domain, create=True, email="")) == "domain_invalid"
    assert server.panel().find_account(user) is None


def crowd(server, account):
    """Give the account everything an account can have: database, cron, files of all sorts, processes."""
    panel = server.panel()
    database, user = panel.database_names(account)
    panel.ensure_database(account, database)
    panel.ensure_database_user(account, user, "secret")
    panel.ensure_privileges(account, database, user)
    panel.ensure_cron(account, "* * * * * true # shoplaunch:1")
    panel.ensure_agent(account, FILES)
    script = (
        "import os\nos.chdir(os.environ['HOME'])\n"
        "open('plain', 'w').close()\nos.mkdir('closed')\nopen('closed/file', 'w').close()\nos.chmod('closed', 0)\n"
        "os.mkfifo('pipe')\nos.symlink('/etc', 'link')\n"
        "for _ in range(1500):\n    os.mkdir('deep')\n    os.chdir('deep')\n"
    )
    done = as_user(account.user, "/usr/bin/python3", "-c", script, env={"HOME": account.home})
    assert done.returncode == 0, done.stderr


@pytest.fixture
def resident():
    """Start a process of an account that ignores polite requests; it is collected at the end."""
    started = []

    def start(user):
        entry = pwd.getpwnam(user)
        script = (
            "import os, signal, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            f"os.setgroups([])\nos.setresgid(*[{entry.pw_gid}] * 3)\nos.setresuid(*[{entry.pw_uid}] * 3)\n"
            "os.fork()\nprint('up', flush=True)\ntime.sleep(600)\n"
        )
        process = subprocess.Popen([sys.executable, "-I", "-c", script], stdout=subprocess.PIPE)
        process.stdout.readline()
        started.append(process)
        return entry.pw_uid

    yield start
    for process in started:
        process.kill()
        process.wait()


def traces(server, user, uid, running):
    """Return everything on the machine that still knows the account; of processes, those of `running`: once an account
    is gone the next one may have its number."""
    found = [line for line in Path("/etc/passwd").read_text().splitlines() if line.startswith(f"{user}:")]
    found += [line for line in Path("/etc/group").read_text().splitlines() if line.startswith(f"{user}:")]
    for folder, folders, files in os.walk(server.directory):
        found += [os.path.join(folder, name) for name in folders + files if name == user or f"-{user}" in name]
        if folder == str(server.home_base):
            folders.clear()
    for folder in (server.stack.apache / "sites", *(php.pools for php in server.stack.php_versions())):
        found += [path for path in Path(folder).iterdir() if re.search(rf"\b{user}\b", path.read_text())]
    found += [path for path in (f"/var/spool/cron/crontabs/{user}", f"/var/mail/{user}") if os.path.lexists(path)]
    found += server.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE %s", f"{user}%")
    found += server.query("SELECT User FROM mysql.global_priv WHERE User LIKE %s", f"{user}%")
    found += server.query("SELECT User FROM mysql.db WHERE User LIKE %s", f"{user}%")
    return found + [pid for pid in accounts.living_processes(uid) if pid in running]


def test_removing_an_account_leaves_nothing(server, resident):
    account = server.new_account()
    crowd(server, account)
    uid = resident(account.user)
    running = accounts.living_processes(uid)
    assert len(running) >= 2
    with pymysql.connect(
        unix_socket=str(server.stack.mariadb_socket), user=f"{account.user}_shop", password="secret"
    ) as connection:
        assert traces(server, account.user, uid, running) != []
        server.panel().remove_account(account)
        with pytest.raises(pymysql.err.OperationalError):
            connection.ping(reconnect=False)
    assert traces(server, account.user, uid, running) == []
    assert server.get(account.domain)[0] == 404
    # Once more is no error.
    server.panel().remove_account(account)


def test_removing_an_account_spares_the_one_whose_name_begins_alike(server):
    account = server.new_account()
    user = account.user + "_x"
    server._users.append(user)
    other = create(server, user, f"{account.user}-x.test")
    panel = server.panel()
    panel.ensure_database(other, panel.database_names(other)[0])
    panel.remove_account(account)
    assert server.query("SHOW DATABASES LIKE %s", f"{user}\\_shop") != ()
    panel.put_file(other, "public_html/index.html", b"alive", 0o644)
    assert server.get(other.domain) == (200, b"alive")


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("step", ["sites", "pools", "databases", "crontab", "kill", "files", "rmdir", "userdel"])
def test_a_removal_interrupted_anywhere_is_finished_by_the_next_call(server, monkeypatch, resident, step):
    from controller.panels.local import commands, crontab
    from controller.panels.local.as_account.run import AsAccount
    from controller.panels.local.services import mariadb, php_fpm

    class Interrupted(BaseException):
        pass

    account = server.new_account()
    crowd(server, account)
    uid = resident(account.user)
    running = accounts.living_processes(uid)

    def interrupt(*args, **kwargs):
        raise Interrupted

    targets = {
        "sites": (commands, "run"),
        "pools": (php_fpm.config_files, "remove"),
        "databases": (mariadb.Databases, "remove"),
        "crontab": (crontab.Crontab, "remove_all"),
        "kill": (accounts, "end_processes"),
        "files": (AsAccount, "remove"),
        "rmdir": (Path, "rmdir"),
    }
    with monkeypatch.context() as patch:
        if step == "userdel":
            real = commands.run
            patch.setattr(commands, "run", lambda command, **more: interrupt() if command[0] == step else real(command))
        else:
            patch.setattr(*targets[step], interrupt)
        with pytest.raises(Interrupted):
            server.panel().remove_account(account)
    server.panel().remove_account(account)
    assert traces(server, account.user, uid, running) == []


def test_an_account_whose_removal_was_interrupted_can_be_used_again(server):
    account = server.new_account()
    planted = Path(account.home) / "roots"
    planted.mkdir()
    (planted / "file").touch()
    with pytest.raises(ShoplaunchError):
        server.panel().remove_account(account)
    shutil.rmtree(planted)
    again = create(server, account.user)
    assert again == account
    done = subprocess.run(["chage", "--list", account.user], capture_output=True, text=True, env={"LC_ALL": "C"})
    assert "Account expires\t\t\t\t\t\t: never" in done.stdout
    server.panel().put_file(again, "public_html/index.html", b"back", 0o644)
    assert server.get(again.domain) == (200, b"back")


def test_what_the_account_cannot_delete_stops_the_removal_and_is_named(server):
    account = server.new_account()
    planted = Path(account.home) / "roots"
    planted.mkdir()
    (planted / "file").write_text("x")
    with pytest.raises(ShoplaunchError) as failure:
        server.panel().remove_account(account)
    assert "roots" in str(failure.value)
    assert (planted / "file").read_text() == "x"
    shutil.rmtree(planted)
    server.panel().remove_account(account)
    assert not Path(account.home).exists()


def test_the_number_of_an_earlier_account_is_retired_with_it(server):
    account = server.new_account()
    uid = pwd.getpwnam(account.user).pw_uid
    known = Path(server.settings().state_folder, "last-uid")
    known.unlink()
    server.panel().remove_account(account)
    assert int(known.read_text()) >= uid


def test_numbers_that_are_all_used_up_are_reported_with_the_way_on(server, monkeypatch):
    monkeypatch.setattr(uids, "LAST_UID", uids.reserve(server.settings().state_folder))
    with pytest.raises(ShoplaunchError, match="last-uid holds the last one"):
        create(server, server.new_user())


def test_an_account_that_the_panel_made_is_found_and_listed(server):
    account = server.new_account()
    assert account in server.panel().list_accounts()
    assert server.panel().find_account(account.user) == account


@pytest.mark.sampled(of=2, rests=True)
def test_many_orders_at_once_get_their_accounts_and_leave_together(server):
    users = [server.new_user() for _ in range(6)]
    with ThreadPoolExecutor(len(users)) as pool:
        made = list(pool.map(lambda user: create(server, user), users))
        assert [account.user for account in made] == users
        for account in made:
            server.panel().put_file(account, "public_html/index.php", b"<?php echo posix_geteuid();", 0o644)
            assert server.get(account.domain) == (200, str(pwd.getpwnam(account.user).pw_uid).encode())
        list(pool.map(server.panel().remove_account, made))
    assert [server.panel().find_account(user) for user in users] == [None] * len(users)


def test_the_same_order_many_times_at_once_is_one_account(server):
    user = server.new_user()
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: create(server, user), range(4)))
    assert set(made) == {made[0]}
    assert Path("/etc/passwd").read_text().count(f"\n{user}:") == 1
