"""The server with the controller's database dies in the middle of a step and is away for a minute: the job goes on."""

import sqlite3
import threading
from contextlib import suppress
from urllib.parse import quote_plus

import pytest
import sqlalchemy as sa

from controller.db.connection.engine import make_engine, transact
from controller.db.migrate import upgrade
from controller.db.tables import jobs
from controller.jobs.engine import step_runner
from controller.jobs.lifecycle import lease
from shared.errors import ShoplaunchError
from tests.support.servers.databases import mariadb, postgresql
from tests.support.waiting import wait_until
from tests.support.worlds.world import Agent, World

#: Kind -> (what finds the connections to the same database that wait for a row, what ends one of them).
ENDS = {
    "mysql": (
        """SELECT id FROM information_schema.processlist
        WHERE user = SUBSTRING_INDEX(CURRENT_USER(), '@', 1) AND RIGHT(info, 10) = 'FOR UPDATE'""",
        "KILL {}",
    ),
    "postgresql": (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        "SELECT pg_terminate_backend({})",
    ),
}


@pytest.fixture(params=["mariadb", "postgresql"])
def mortal(request):
    """(A server that may die, the URL of a database of it)."""
    if request.param == "mariadb":
        made = mariadb.start_private(["--innodb-flush-log-at-trx-commit=1"])
        yield made, f"mysql://root@localhost/{made.new_database()[0]}?unix_socket={made.socket}"
        mariadb.stop_private(made)
    else:
        made = postgresql.start_private(["synchronous_commit=on"])
        yield made, made.url(made.new_database())
        postgresql.stop_private(made)


def busy(call):
    with pytest.raises(ShoplaunchError) as caught:
        call()
    assert (caught.value.code, caught.value.retryable) == ("database_busy", True)


@pytest.fixture
def mortal_world(mortal, tmp_path):
    """(A server that may die, a World on a database of it)."""
    server, url = mortal
    engine = make_engine(url)
    upgrade(engine)
    world = World(tmp_path, engine)
    yield server, world
    world.close()
    engine.dispose()


def test_a_database_server_that_dies_in_a_step_and_under_a_report_costs_nothing(mortal_world, monkeypatch):
    # As many tries to note what a step was about, sooner after each other
    monkeypatch.setattr(step_runner, "NOTE_PAUSE_SECONDS", 0.1)
    mortal_server, world = mortal_world

    def die():
        world.panel.before.clear()
        mortal_server.stop(hard=True)

    def come_back():
        world.clock.pass_by(60)
        busy(world.work)
        mortal_server.start()
        world.clock.pass_by(lease.SECONDS)

    job = world.order()
    world.panel.before["ensure_privileges"] = die
    # What it was at is done and cannot be noted
    with suppress(ShoplaunchError):
        world.work()
    come_back()
    world.work()
    assert world.job(job).state == "dropped"
    agent = Agent(world, job)
    mortal_server.stop(hard=True)
    busy(lambda: agent.send("started"))
    come_back()
    agent.seq = 0
    agent.restore()
    agent.clean()
    world.serve(job)
    world.panel.before["cron_lines"] = die
    with suppress(ShoplaunchError):
        world.work()
    come_back()
    world.lives_once(job)


def test_a_database_that_takes_no_changes_for_a_while_in_a_step_costs_nothing(mariadb_server, tmp_path, monkeypatch):
    """As when the address leads to a replica until the next server is the first one."""
    monkeypatch.setattr(step_runner, "NOTE_PAUSE_SECONDS", 0.1)
    name, user, password = mariadb_server.new_database()
    engine = make_engine(f"mysql://{user}:{quote_plus(password)}@localhost/{name}?unix_socket={mariadb_server.socket}")
    upgrade(engine)
    world = World(tmp_path, engine)

    def take_no_changes():
        world.panel.before.clear()
        mariadb_server.query("SET GLOBAL read_only = 1")

    try:
        job = world.order()
        world.panel.before["ensure_privileges"] = take_no_changes
        with suppress(ShoplaunchError):
            world.work()
        world.clock.pass_by(lease.SECONDS)
        with pytest.raises(ShoplaunchError) as caught:
            world.work()
        assert caught.value.code == "database_unwritable"
        assert world.job(job).state == "preparing"
        mariadb_server.query("SET GLOBAL read_only = 0")
        world.work()
        assert world.job(job).state == "dropped"
        calls = [call[0] for call in world.panel.calls]
        assert calls.count("ensure_database") == calls.count("ensure_database_user") == 1
    finally:
        mariadb_server.query("SET GLOBAL read_only = 0")
        world.close()
        engine.dispose()


def broken_off_at(engine, number):
    """Let the database break the connection off at the commit `number` from now on that changes anything."""
    changed, commits, commit = set(), [], engine.dialect.do_commit

    @sa.event.listens_for(engine, "before_cursor_execute")
    def executes(connection, cursor, statement, parameters, context, executemany):
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            changed.add(connection.connection.dbapi_connection)

    def committing(connection):
        raw = getattr(connection, "dbapi_connection", connection)
        if raw in changed:
            changed.discard(raw)
            commits.append(number)
        if len(commits) == number:
            engine.dialect.do_commit = commit
            raise sqlite3.OperationalError("database is locked")
        commit(connection)

    engine.dialect.do_commit = committing


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_that_breaks_off_once_ends_no_job_wherever_that_is(world, monkeypatch):
    """Least of all one that has not begun: nothing was done for it, and nobody would try it again."""
    monkeypatch.setattr(step_runner, "NOTE_PAUSE_SECONDS", 0.0)
    for number in range(1, 9):
        job = world.order(domain=f"shop{number}.example.com", account=f"alice{number}")
        broken_off_at(world.engine, number)
        while world.job(job).state in ("received", "preparing"):
            with suppress(ShoplaunchError):
                world.work()
            world.clock.pass_by(5)
        assert world.job(job).state == "dropped", (number, world.status(job))
    assert world.mail.alarms == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_trouble_of_the_database_in_a_step_is_no_failure_of_the_job(world):
    world.panel.fail("ensure_privileges", *["database_busy", "database_full", "database_unwritable"] * 3)
    job = world.order()
    world.work_later(120, stride=10)
    assert (world.job(job).state, world.steps(job)["privileges"].attempts) == ("dropped", 1), world.status(job)


@pytest.mark.parametrize("database_url", ["mariadb", "postgresql"], indirect=True)
def test_an_agent_whose_report_the_database_breaks_off_is_not_refused(world):
    """A refused token ends its attempt for good: nothing but the job's own row says that."""
    job, agent = world.dropped()
    found = []

    def send():
        try:
            agent.send("started")
        except ShoplaunchError as error:
            found.append(error.code)

    def hold(connection):
        connection.execute(sa.select(jobs.c.id).where(jobs.c.id == job.id).with_for_update())
        sender = threading.Thread(target=send)
        sender.start()
        waiting, end = ENDS[world.engine.dialect.name]
        # PostgreSQL answers it always alike within a transaction
        with world.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
            wait_until(lambda: other.exec_driver_sql(waiting).first())
            other.exec_driver_sql(end.format(other.exec_driver_sql(waiting).scalar()))
        sender.join(60)
        assert not sender.is_alive()

    transact(world.engine, hold)
    assert found == ["database_busy"]
    agent.send("started")
    assert world.job(job).state == "restoring"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_agent_is_not_refused_by_a_database_without_tables(world):
    """As one is that SQLite makes where the disk with the controller's own is not mounted."""
    job, agent = world.dropped()
    with world.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE jobs RENAME TO away")
    busy(lambda: agent.send("started"))
    with world.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO jobs")
    agent.send("started")
    assert world.job(job).state == "restoring"


@pytest.fixture
def number_of(mariadb_server):
    """(A MariaDB, an engine on a database of it as a user without privileges, what returns its connection's number)."""
    name, user, password = mariadb_server.new_database()
    engine = make_engine(f"mysql://{user}:{quote_plus(password)}@localhost/{name}?unix_socket={mariadb_server.socket}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE changed (number INT)")
    yield (
        engine,
        lambda: transact(engine, lambda connection: connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar()),
    )
    mariadb_server.query("SET GLOBAL read_only = 0")
    engine.dispose()


def test_a_server_that_takes_no_changes_any_more_is_left_for_the_one_that_does(mariadb_server, number_of):
    """As when the first server becomes a replica, keeps its connections, and their address leads to the next one."""
    engine, number = number_of
    before = number()
    mariadb_server.query("SET GLOBAL read_only = 1")
    with pytest.raises(ShoplaunchError) as caught:
        transact(engine, lambda connection: connection.exec_driver_sql("INSERT INTO changed VALUES (1)"))
    assert caught.value.code == "database_unwritable"
    assert number() != before


def test_a_node_that_has_left_its_cluster_is_left_for_another(number_of):
    """Galera's nodes keep their connections, too."""
    engine, number = number_of
    before = number()
    says = "SET MYSQL_ERRNO = 1047, MESSAGE_TEXT = 'WSREP has not yet prepared node for application use'"
    busy(lambda: transact(engine, lambda connection: connection.exec_driver_sql(f"SIGNAL SQLSTATE '08S01' {says}")))
    assert number() != before


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_session_that_takes_no_changes_is_left_for_one_that_does(engine):
    def change(connection):
        connection.execute(sa.update(jobs).values(step=None))

    with engine.begin() as connection:
        connection.exec_driver_sql("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    with pytest.raises(ShoplaunchError) as caught:
        transact(engine, change)
    assert caught.value.code == "database_unwritable"
    transact(engine, change)
