"""The accounts' databases: made by looking, closed to neighbours, honest about a server that is gone."""

import pymysql
import pytest

from controller.panels.local.services import mariadb
from shared.errors import ShoplaunchError
from tests.support.servers.databases.mariadb import start_private, stop_private

pytestmark = pytest.mark.root

PASSWORDS = ["simple", "p'%s\\\"`", "%(x)s {} $", "пароль-گذرواژه", " blanks ", "x" * 200]


def connect(server, user, password, database=None):
    socket = str(server.stack.mariadb_socket)
    return pymysql.connect(
        unix_socket=socket, user=user, password=password.encode(), database=database, charset="utf8mb4"
    )


def ensure_all(panel, account, password):
    database, user = panel.database_names(account)
    panel.ensure_database(account, database)
    panel.ensure_database_user(account, user, password)
    panel.ensure_privileges(account, database, user)
    return database, user


@pytest.fixture(scope="module")
def account(server):
    return server.new_account()


@pytest.mark.parametrize("password", PASSWORDS)
def test_the_account_can_work_in_its_database_with_any_password(server, account, password):
    database, user = ensure_all(server.panel(), account, password)
    with connect(server, user, password, database) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS t (a INT) ENGINE=InnoDB")
        cursor.execute("CREATE OR REPLACE VIEW v AS SELECT a FROM t")
        cursor.execute("DROP VIEW v")
        cursor.execute("DROP TABLE t")


def test_the_old_password_is_refused_once_there_is_a_new_one(server, account):
    _, user = ensure_all(server.panel(), account, "first")
    ensure_all(server.panel(), account, "second")
    with pytest.raises(pymysql.err.OperationalError):
        connect(server, user, "first")
    connect(server, user, "second").close()


def test_a_second_run_writes_nothing(server, account):
    ensure_all(server.panel(), account, "same")

    def writes():
        names = "'Com_create_db','Com_create_user','Com_alter_user','Com_grant'"
        return server.query(f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})")

    before = writes()
    ensure_all(server.panel(), account, "same")
    assert writes() == before


def test_what_is_in_the_database_stays(server, account):
    panel = server.panel()
    database, _ = ensure_all(panel, account, "same")
    server.query(f"CREATE TABLE `{database}`.kept (a INT)")
    ensure_all(panel, account, "another")
    assert server.query(f"SHOW TABLES FROM `{database}`") == (("kept",),)


def test_no_account_sees_another_s_database_not_even_where_the_underscore_is_a_wildcard(server, account):
    database, user = ensure_all(server.panel(), account, "mine")
    # Matches the name as a pattern, but is another database.
    lookalike = database.replace("_", "x")
    server.query(f"CREATE DATABASE `{lookalike}`")
    other = server.new_account()
    theirs, _ = ensure_all(server.panel(), other, "theirs")
    try:
        with connect(server, user, "mine") as connection, connection.cursor() as cursor:
            cursor.execute("SHOW DATABASES")
            assert {row[0] for row in cursor.fetchall()} == {"information_schema", database}
            for name in (lookalike, theirs, "mysql"):
                with pytest.raises(pymysql.err.OperationalError):
                    cursor.execute(f"USE `{name}`")
    finally:
        server.query(f"DROP DATABASE `{lookalike}`")


@pytest.mark.parametrize("name", ["mysql", "other_shop", "a`; DROP DATABASE mysql; --", "", "x" * 70, "%"])
def test_names_that_are_not_the_account_s_are_refused(server, account, name):
    panel = server.panel()
    for call in (
        lambda: panel.ensure_database(account, name),
        lambda: panel.ensure_database_user(account, name, "secret"),
        lambda: panel.ensure_privileges(account, name, panel.database_names(account)[1]),
        lambda: panel.ensure_privileges(account, panel.database_names(account)[0], name),
    ):
        with pytest.raises(ShoplaunchError) as failure:
            call()
        assert failure.value.code == "panel_refused"


def test_names_fit_mysql_s_limit_and_are_never_shared():
    users = ["a", "ab", "a_shop", "x" * 27, "x" * 28, "x" * 30 + "a", "x" * 30 + "b", "x" * 31]
    names = [mariadb.names_of(user)[0] for user in users]
    assert all(len(name) <= 32 for name in names)
    assert len(set(names)) == len(users)
    assert mariadb.names_of("alice") == ("alice_shop", "alice_shop")


def test_a_server_that_is_gone_is_unreachable_and_not_refused(server, account):
    panel = server.panel(mariadb_socket=str(server.directory / "nothing.sock"))
    with pytest.raises(ShoplaunchError) as failure:
        ensure_all(panel, account, "secret-word")
    assert failure.value.code == "panel_unreachable"
    assert failure.value.retryable
    assert "secret-word" not in str(failure.value)


def test_a_server_that_refuses_is_said_so_without_the_password(server, account):
    restricted = start_private(["--read-only"])
    try:
        restricted.query("CREATE USER limited@localhost")
        restricted.query(f"CREATE DATABASE `{account.user}_shop`")
        panel = server.panel(mariadb_socket=restricted.socket, mariadb_user="limited")
        with pytest.raises(ShoplaunchError) as failure:
            panel.ensure_database_user(account, f"{account.user}_shop", "secret-word")
        assert failure.value.code == "panel_refused"
        assert "secret-word" not in str(failure.value)
    finally:
        stop_private(restricted)


def test_nobody_elses_database_or_user_is_removed(server, account):
    other = server.new_account()
    database, user = ensure_all(server.panel(), other, "Secret-1-Secret")
    for call in (server.panel().remove_database, server.panel().remove_database_user):
        with pytest.raises(ShoplaunchError, match="panel_refused"):
            call(account, database)
    assert server.panel().has_database(other, database) and server.panel().has_database_user(other, user)


def test_an_empty_database_is_distinguished_from_one_that_holds_anything(server):
    fresh = server.new_account()
    database, user = ensure_all(server.panel(), fresh, "Secret-1-Secret")
    assert not server.panel().holds_tables(fresh, database)
    with connect(server, user, "Secret-1-Secret", database) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE PROCEDURE p() SELECT 1")
    assert server.panel().holds_tables(fresh, database)
