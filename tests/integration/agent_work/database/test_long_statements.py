"""Statements that take long: no reason to kill the agent that waits for them."""

import json
import threading
import time
from contextlib import suppress

import pymysql
import pytest

from agent.base.log import Log
from agent.database import access, statement_watch
from agent.database.under_way import under_way
from agent.session.lock import acquire
from controller.agent_archive.build import build_agent
from shared.errors import ShoplaunchError
from tests.integration.agent_work.conftest import Shop
from tests.support.worlds.agent_archive import sources_of, write_members

HUNG_SECONDS = 20.0
WATCH_SECONDS = 0.5


@pytest.fixture
def values(mariadb_server):
    """The values an agent gets for a new database."""
    name, user, password = mariadb_server.new_database()
    return {
        "db.host": "localhost", "db.socket": mariadb_server.socket, "db.name": name, "db.user": user,
        "db.password": password,
    }  # fmt: skip


@pytest.fixture
def watch(values, tmp_path):
    """A watch over this process's statements; `touched` counts."""
    made = statement_watch.Watch(lambda: access.connect(values), lambda: made.touched.append(1), Log(str(tmp_path)))
    made.touched = []
    return made


@pytest.fixture
def sleeping(values, mariadb_server):
    """A connection that waits for a statement the server works on."""
    connection = access.connect(values)

    def wait():
        with suppress(ShoplaunchError):
            access.run(connection, "SELECT SLEEP(600)")

    thread = threading.Thread(target=wait)
    thread.start()
    number = connection.thread_id()
    deadline = time.monotonic() + 120
    query = f"SELECT 1 FROM information_schema.processlist WHERE id = {number} AND info LIKE 'SELECT SLEEP%'"
    while not mariadb_server.query(query):
        assert time.monotonic() < deadline, "the statement never began"
        time.sleep(0.01)
    yield connection
    with suppress(pymysql.err.MySQLError):
        mariadb_server.query(f"KILL {number}")
    thread.join(120)


def test_a_statement_the_server_works_on_is_a_sign_of_life(watch, sleeping):
    assert watch.look(0)
    assert watch.touched == [1]


def test_nothing_under_way_is_none(watch):
    assert not watch.look(0)
    assert watch.touched == []


def test_a_statement_that_has_just_begun_needs_none(watch, sleeping):
    assert not watch.look(3600)


def test_one_that_takes_longer_than_any_statement_may_is_none(values, tmp_path, sleeping):
    touched = []
    bounded = statement_watch.Watch(
        lambda: access.connect(values), lambda: touched.append(1), Log(str(tmp_path)), longest=0
    )
    assert not bounded.look(0)
    assert touched == []


def test_one_the_server_knows_nothing_of_is_none(watch, values):
    connection = access.connect(values)
    with under_way(connection):
        assert not watch.look(0)
    access.close(connection)


def test_a_server_that_is_away_is_none_and_the_watching_goes_on(values, tmp_path, sleeping):
    touched, asked = threading.Event(), []

    def connect():
        asked.append(1)
        if len(asked) == 1:
            raise ShoplaunchError("db_unreachable", "away")
        return access.connect(values)

    made = statement_watch.Watch(connect, touched.set, Log(str(tmp_path)), every=0.05)
    made.start()
    assert touched.wait(120)
    made.stop()


def test_the_lock_file_names_the_helper(values, tmp_path, sleeping):
    lock = acquire(str(tmp_path), "j1", 1)
    path = tmp_path / "lock"
    before = json.loads(path.read_text())["progress"]
    made = statement_watch.Watch(lambda: access.connect(values), lock.touch, Log(str(tmp_path)))
    assert made.look(0)
    assert json.loads(path.read_text())["progress"] > before
    lock.release()


def test_the_hosts_statement_time_limit_does_not_apply_to_the_packers_session(mariadb_server, values):
    mariadb_server.query("SET GLOBAL max_statement_time = 1")
    try:
        connection = access.connect(values)
        assert access.run(connection, "SELECT SLEEP(2)") == ((0,),)
        access.close(connection)
    finally:
        mariadb_server.query("SET GLOBAL max_statement_time = 0")


@pytest.fixture
def impatient(keys, tmp_path):
    """An agent that counts as hung after a few seconds and looks at the server more often than that."""
    path = tmp_path / "agent.pyz"
    build_agent(path, [keys.public])
    files = sources_of(path)
    for name, old, new in (
        ("agent/session/lock.py", b"HUNG_SECONDS = 600.0", f"HUNG_SECONDS = {HUNG_SECONDS}".encode()),
        ("agent/database/statement_watch.py", b"WATCH_SECONDS = 60.0", f"WATCH_SECONDS = {WATCH_SECONDS}".encode()),
    ):
        assert old in files[name]
        files[name] = files[name].replace(old, new)
    write_members(path, files)
    return path


@pytest.mark.sampled(of=3, rests=True)
def test_the_next_tick_leaves_an_agent_alone_whose_statement_takes_long(
    mariadb_server, bundle, controller, keys, impatient
):
    shop = Shop(mariadb_server, bundle, controller, keys, impatient)
    holder = pymysql.connect(unix_socket=mariadb_server.socket, user="root")
    try:
        shop.drop()
        with holder.cursor() as cursor:
            # Every change waits for this, as it does for the server's own long work
            cursor.execute("FLUSH TABLES WITH READ LOCK")
            process = shop.start()
            query = "SELECT 1 FROM information_schema.processlist WHERE user = %s AND command = 'Query' AND time > %s"
            shop.wait_for(lambda: shop.query(query, shop.db_user, HUNG_SECONDS + 2), 240)
            assert shop.run() == 6
            cursor.execute("UNLOCK TABLES")
        assert process.wait(120) == 0
        assert not shop.folder.exists()
    finally:
        holder.close()
        shop.close()
