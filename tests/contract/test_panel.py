"""What every panel driver promises: outcomes, repeated at will, refused with known codes."""

import os

import pymysql
import pytest

from controller.account import Account
from controller.panels.base import Check, DocumentRootRules, SkeletonFiles
from controller.panels.registry import PANELS
from controller.panels.start import REASONS, WAYS, Started
from shared.encoding import sha256_hex
from shared.job import FOLDER, cron_line
from tests.support.error_codes import error_code

pytestmark = pytest.mark.root


def create(driver, user=None, domain=None):
    user = user or driver.new_user()
    return driver.panel.ensure_account(user, domain or f"{user}.example.test", create=True, email="o@example.com")


@pytest.fixture
def account(driver):
    return create(driver)


def test_the_driver_is_registered_under_its_kind(driver):
    assert driver.panel.kind == driver.name
    assert driver.name in PANELS


def test_check_returns_rows_with_advice_where_something_is_wrong(driver):
    rows = driver.panel.check()
    assert rows
    assert all(isinstance(row, Check) and row.name and row.message for row in rows)
    assert all(row.advice for row in rows if not row.ok)
    assert len({row.name for row in rows}) == len(rows)


def test_an_account_is_made_once_and_then_found(driver):
    user = driver.new_user()
    assert driver.panel.find_account(user) is None
    account = create(driver, user)
    assert isinstance(account, Account)
    assert (account.user, account.domain) == (user, f"{user}.example.test")
    assert account.document_root.startswith(account.home + "/")
    assert create(driver, user) == account
    assert driver.panel.find_account(user) == account
    assert driver.panel.ensure_account(user, account.domain, create=False, email="") == account
    assert account in driver.panel.list_accounts()


@pytest.mark.parametrize("user", ["", "Upper", "1st", "a b", "a;b", "../x", "a" * 32, "-x"])
def test_unusable_names_are_refused(driver, user):
    assert error_code(lambda: driver.panel.find_account(user)) == "account_invalid"
    call = lambda: driver.panel.ensure_account(user, "x.example.test", create=True, email="")  # noqa: E731
    assert error_code(call) == "account_invalid"


@pytest.mark.parametrize("user", ["root", "nobody", "mysql"])
def test_system_accounts_are_refused(driver, user):
    assert error_code(lambda: driver.panel.find_account(user)) == "account_foreign"


def test_a_missing_account_is_not_made_unasked(driver):
    user = driver.new_user()
    call = lambda: driver.panel.ensure_account(user, "x.example.test", create=False, email="")  # noqa: E731
    assert error_code(call) == "account_missing"
    assert driver.panel.find_account(user) is None


@pytest.mark.parametrize("domain", ["", "no_underscore.test", "a b.test", "-a.test", "*.test", "x" * 64 + ".test"])
def test_unusable_domains_are_refused_and_make_no_account(driver, domain):
    user = driver.new_user()
    call = lambda: driver.panel.ensure_account(user, domain, create=True, email="")  # noqa: E731
    assert error_code(call) == "domain_invalid"
    assert driver.panel.find_account(user) is None


def test_database_user_and_privileges_add_up_to_a_working_login(driver, account):
    panel = driver.panel
    database, user = panel.database_names(account)
    assert panel.database_names(account) == (database, user)
    for password in ("first 'p%s", "second"):
        for _ in range(2):
            panel.ensure_database(account, database)
            panel.ensure_database_user(account, user, password)
            panel.ensure_privileges(account, database, user)
        with driver.database_login(account, user, password, database) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS kept (a INT)")
            cursor.execute("INSERT INTO kept VALUES (1)")
            cursor.execute("SELECT COUNT(*) FROM kept")
            connection.commit()
    assert cursor.fetchone() == (2,)


def test_a_removed_database_user_is_out_at_once_and_the_database_stays(driver, account):
    panel = driver.panel
    database, user = panel.database_names(account)
    panel.ensure_database(account, database)
    panel.ensure_database_user(account, user, "Secret-1-Secret")
    panel.ensure_privileges(account, database, user)
    with driver.database_login(account, user, "Secret-1-Secret", database) as connection:
        for _ in range(2):
            panel.remove_database_user(account, user)
        if driver.ends_connections:
            with pytest.raises(pymysql.err.MySQLError), connection.cursor() as cursor:
                cursor.execute("SELECT 1")
    with pytest.raises(pymysql.err.MySQLError):
        driver.database_login(account, user, "Secret-1-Secret", database)
    assert panel.has_database(account, database)


def test_a_removed_database_is_gone_and_can_be_made_anew(driver, account):
    panel = driver.panel
    database, user = panel.database_names(account)
    for _ in range(2):
        panel.ensure_database(account, database)
        panel.ensure_database_user(account, user, "Secret-1-Secret")
        panel.ensure_privileges(account, database, user)
        with driver.database_login(account, user, "Secret-1-Secret", database) as login, login.cursor() as cursor:
            cursor.execute("CREATE TABLE kept (a INT)")
        for _ in range(2):
            panel.remove_database(account, database)
        with pytest.raises(pymysql.err.MySQLError):
            driver.database_login(account, user, "Secret-1-Secret", database)


def test_a_panel_never_denies_what_is_there(driver, account):
    """It may say `there` for what is not (then nothing is ever removed), but not the other way round."""
    panel = driver.panel
    database, user = panel.database_names(account)
    panel.ensure_database(account, database)
    panel.ensure_database_user(account, user, "Secret-1-Secret")
    panel.ensure_privileges(account, database, user)
    assert panel.has_database(account, database) and panel.has_database_user(account, user)
    with driver.database_login(account, user, "Secret-1-Secret", database) as login, login.cursor() as cursor:
        cursor.execute("CREATE TABLE kept (a INT)")
    assert panel.holds_tables(account, database)


def test_what_comes_into_a_home_or_changes_there_is_seen(driver, account):
    panel = driver.panel
    folder = account.document_root.removeprefix(account.home + "/")
    before = panel.home_entries(account)
    if before is None:
        pytest.skip("this panel cannot tell; its accounts are never removed")
    panel.put_file(account, f"{FOLDER}/job", b"ours", 0o600)
    assert panel.home_entries(account) == before
    panel.put_file(account, f"{folder}/deep/photo.jpg", b"1", 0o644)
    first = panel.home_entries(account)
    assert set(first) == set(before) | {f"{folder}/deep", f"{folder}/deep/photo.jpg"}
    panel.put_file(account, f"{folder}/deep/photo.jpg", b"22", 0o644)
    assert {name for name, text in panel.home_entries(account).items() if text != first.get(name)} == {
        f"{folder}/deep/photo.jpg"
    }


def test_two_accounts_never_get_the_same_database(driver, account):
    other = create(driver)
    assert not set(driver.panel.database_names(account)) & set(driver.panel.database_names(other))
    database, user = driver.panel.database_names(other)
    assert error_code(lambda: driver.panel.ensure_database(account, database)) == "panel_refused"
    assert error_code(lambda: driver.panel.ensure_database_user(account, user, "secret")) == "panel_refused"


def test_php_serves_the_site_from_the_document_root(driver, account):
    version = driver.panel.ensure_php(account, "7.2", None, ["json"])
    assert driver.panel.ensure_php(account, "7.2", None, ["json"]) == version
    folder = account.document_root.removeprefix(account.home + "/")
    driver.panel.put_file(account, f"{folder}/version.php", b"<?php echo PHP_VERSION;", 0o644)
    status, body = driver.get(account, "/version.php")
    assert status == 200
    assert body.decode().startswith(version)
    assert error_code(lambda: driver.panel.ensure_php(account, "99.0", None, [])) == "panel_refused"
    assert error_code(lambda: driver.panel.ensure_php(account, "7.2", None, ["no_such_ext"])) == "panel_refused"


def test_files_are_written_read_hashed_listed_and_removed(driver, account):
    panel = driver.panel
    content = os.urandom(200_000) if driver.binary else b"some text \n" * 20_000
    assert panel.read_file(account, f"{FOLDER}/job") is None
    assert panel.file_sha256(account, f"{FOLDER}/job") is None
    for _ in range(2):
        panel.put_file(account, f"{FOLDER}/job", content, 0o600)
    assert panel.read_file(account, f"{FOLDER}/job") == content
    assert panel.read_file(account, f"{FOLDER}/job", limit=len(content)) == content
    assert error_code(lambda: panel.read_file(account, f"{FOLDER}/job", limit=len(content) - 1)) == "file_too_large"
    assert panel.file_sha256(account, f"{FOLDER}/job") == sha256_hex(content)
    panel.put_file(account, f"{FOLDER}/job", b"", 0o600)
    assert panel.read_file(account, f"{FOLDER}/job") == b""
    assert "job" in panel.list_folder(account, FOLDER)
    for _ in range(2):
        panel.remove_agent(account)
        assert panel.list_folder(account, FOLDER) is None


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../b", "", "a//b"])
def test_paths_out_of_the_home_are_refused(driver, account, path):
    assert error_code(lambda: driver.panel.read_file(account, path)) == "path_refused"
    assert error_code(lambda: driver.panel.put_file(account, path, b"x", 0o600)) == "path_refused"


def test_the_agent_is_placed_whole_and_replaced_by_a_newer_one(driver, account, tmp_path):
    panel, bundle = driver.panel, tmp_path / "shop.bundle"
    bundle.write_bytes(os.urandom(1_500_000))
    files = SkeletonFiles(driver.files.launcher, driver.files.agent, str(bundle) if driver.binary else None)
    for agent in (driver.files.agent, b"a newer agent"):
        for _ in range(2):
            panel.ensure_agent(account, SkeletonFiles(files.launcher, agent, files.bundle_path))
        assert panel.file_sha256(account, f"{FOLDER}/agent.pyz") == sha256_hex(agent)
    assert panel.file_sha256(account, f"{FOLDER}/run") == sha256_hex(files.launcher)
    digest, size = sha256_hex(bundle.read_bytes()), bundle.stat().st_size
    if driver.binary:
        assert panel.file_sha256(account, f"{FOLDER}/shop.bundle") == digest
    else:
        assert not panel.holds_bundle(account, digest, size)
        driver.lay(account, f"{FOLDER}/shop.bundle", bundle.read_bytes())
        panel = driver.panel
    assert panel.holds_bundle(account, digest, size)
    assert not panel.holds_bundle(account, "0" * 64, size + 1)
    assert not panel.holds_bundle(create(driver), digest, size)


def test_cron_lines_come_once_and_go_alone(driver, account):
    panel = driver.panel
    assert panel.cron_lines(account) == []
    for job in ("job-1", "job-1", "job-12"):
        panel.ensure_cron(account, cron_line(job))
    assert panel.cron_lines(account) == [cron_line("job-1"), cron_line("job-12")]
    for _ in range(2):
        panel.remove_cron(account, "shoplaunch:job-1")
        assert panel.cron_lines(account) == [cron_line("job-12")]
    panel.remove_cron(account, "shoplaunch:job-12")
    assert panel.cron_lines(account) == []
    assert panel.cron_interval_seconds(account) >= 60


def test_the_skeleton_is_what_accounts_are_born_with(driver):
    panel = driver.panel
    for _ in range(2):
        status = panel.ensure_skeleton(driver.files)
        assert status == panel.skeleton_status()
    assert (status.launcher_sha256, status.agent_sha256, status.bundle_sha256) == (
        sha256_hex(driver.files.launcher), sha256_hex(driver.files.agent), None,
    )  # fmt: skip
    born = create(driver)
    assert panel.file_sha256(born, f"{FOLDER}/agent.pyz") == status.agent_sha256
    for _ in range(2):
        panel.remove_skeleton()
        assert panel.skeleton_status().agent_sha256 is None
    assert panel.list_folder(create(driver), FOLDER) is None


def test_the_panel_says_what_of_a_document_root_is_its_own(driver):
    rules = driver.panel.document_root_rules()
    assert isinstance(rules, DocumentRootRules)
    assert ".well-known" in rules.keep


def test_a_removed_account_is_gone_and_can_be_made_anew(driver, account):
    for _ in range(2):
        driver.panel.remove_account(account)
        assert driver.panel.find_account(account.user) is None
    assert account not in driver.panel.list_accounts()
    for call in (
        lambda: driver.panel.put_file(account, "x", b"x", 0o600),
        lambda: driver.panel.cron_lines(account),
        lambda: driver.panel.ensure_database(account, driver.panel.database_names(account)[0]),
    ):
        assert error_code(call) == "account_missing"
    assert create(driver, account.user, account.domain) == account


def test_starting_at_once_says_by_which_way_or_why_not_and_is_never_refused(driver, account):
    panel = driver.panel
    for path, (content, mode) in panel.start_files(account, "job-1", 1).items():
        assert content and mode & 0o022 == 0 and not path.startswith("/")
    for _ in range(2):
        started = panel.start_now(account, "job-1", 1, 5.0)
        assert isinstance(started, Started)
        assert started.way in WAYS if started.way else started.reason in REASONS
    for _ in range(2):
        panel.end_start(account, "job-1", 1)
    for path in panel.start_files(account, "job-1", 1):
        assert panel.read_file(account, path) is None


def test_several_files_are_written_as_each_would_be(driver, account):
    files = {f"{FOLDER}/one": (b"1", 0o600), f"{FOLDER}/two": (b"2\n", 0o700)}
    for _ in range(2):
        driver.panel.put_files(account, files)
    assert {path: driver.panel.read_file(account, path) for path in files} == {
        f"{FOLDER}/one": b"1",
        f"{FOLDER}/two": b"2\n",
    }
