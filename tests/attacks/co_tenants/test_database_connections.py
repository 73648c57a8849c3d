"""One account's shop holds its share of the database server's connections: others' shops get theirs."""

import contextlib

import pymysql
import pytest

from tests.attacks.table import attack
from tests.support.servers.local_server import LocalServer

pytestmark = pytest.mark.root

PASSWORD = "of-the-shop"
#: What the server is given by default.
ALL = 151


@pytest.fixture(scope="module")
def server():
    server = LocalServer().start()
    yield server
    server.stop()


def login(server, panel, account):
    """The account's shop has its database user; return what logs in as that."""
    database, user = panel.database_names(account)
    panel.ensure_database(account, database)
    panel.ensure_database_user(account, user, PASSWORD)
    panel.ensure_privileges(account, database, user)
    door = {"unix_socket": str(server.stack.mariadb_socket), "ssl_disabled": True}
    return lambda: contextlib.closing(pymysql.connect(user=user, password=PASSWORD, **door))


def held(stack, connect):
    """Open connections until one is refused, or there are none left; return how many."""
    for count in range(ALL + 1):
        try:
            stack.enter_context(connect())
        except pymysql.err.OperationalError:
            return count
    return ALL + 1


@attack("An account's shop opens connections to the database server until there are none left",
        "it gets a few of them, and others' shops get theirs")  # fmt: skip
def test_one_account_holds_its_share_of_the_connections(server):
    panel = server.panel()
    victim, attacker = (login(server, panel, server.new_account()) for _ in range(2))
    with contextlib.ExitStack() as stack:
        count = held(stack, attacker)
        with victim() as connection:
            connection.ping()
    assert count == server.settings().mariadb_connections


@attack("Database users of an earlier version may hold all connections",
        "the next order on the server limits them; a limit that somebody has set stays")  # fmt: skip
def test_users_of_an_earlier_version_are_limited_with_the_next_order(server):
    panel = server.panel(mariadb_connections=3)
    accounts = [server.new_account() for _ in range(3)]
    earlier, other, _last = (login(server, panel, account) for account in accounts)
    names = [panel.database_names(account)[1] for account in accounts]
    for name, most in zip(names, (0, 2), strict=False):
        server.query(f"ALTER USER `{name}`@localhost WITH MAX_USER_CONNECTIONS {most}")
    login(server, panel, accounts[2])
    for connect, most in ((earlier, 3), (other, 2)):
        with contextlib.ExitStack() as stack:
            assert held(stack, connect) == most
