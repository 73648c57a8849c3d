"""A MariaDB that has no connection left while a worker moves jobs: orders are to be repeated, and no job is lost."""

import threading
from contextlib import ExitStack, contextmanager

import pymysql
import pytest

from controller.db.connection.engine import make_engine
from controller.jobs.engine import step_runner
from shared.errors import ShoplaunchError
from tests.support.servers.databases import mariadb
from tests.support.state.state_database import make_tables, url_at
from tests.support.waiting import wait_until
from tests.support.worlds.world import World

#: As few as MariaDB allows, and what it says to one more.
FEWEST, FULL = 10, 1040


@pytest.fixture
def crowded_world(tmp_path):
    """(a MariaDB with few connections, a World on a database of it)."""
    server = mariadb.start_private()
    engine = make_engine(url_at(server))
    make_tables(engine)
    world = World(tmp_path, engine)
    server.query(f"SET GLOBAL max_connections = {FEWEST}")
    yield server, world
    world.close()
    engine.dispose()
    mariadb.stop_private(server)


@contextmanager
def no_free_connection(server, engine):
    """Others hold all of the server's connections; the engine's own are closed."""
    name, user, password = server.new_database()

    def connect():
        return pymysql.connect(
            unix_socket=server.socket, user=user, password=password, database=name, ssl_disabled=True
        )

    with ExitStack() as held:
        engine.dispose()

        def is_full():
            # Those that the engine has lent come back one after the other, and are closed
            engine.dispose()
            try:
                held.callback(connect().close)
            except pymysql.err.OperationalError as error:
                assert error.args[0] == FULL
                return True
            return False

        wait_until(is_full)
        yield


def test_a_server_without_a_free_connection_costs_no_job_while_a_worker_runs(crowded_world, monkeypatch):
    monkeypatch.setattr(step_runner, "NOTE_PAUSE_SECONDS", 0.1)
    server, world = crowded_world
    crowds, crowded = ExitStack(), threading.Event()

    def crowd():
        world.panel.before.clear()
        crowds.enter_context(no_free_connection(server, world.engine))
        crowded.set()

    world.panel.before["ensure_privileges"] = crowd
    job = world.order()
    world.worker.start()
    try:
        with crowds:
            assert crowded.wait(60)
            order = {"domain": "next.example.com", "account": "next"}
            with pytest.raises(ShoplaunchError) as caught:
                world.order(**order)
            assert (caught.value.code, caught.value.retryable) == ("database_busy", True)
            # A migration, or a backup that is loaded, waits for it as well
            assert caught.value.details["passing"]
            rounds = world.worker._pulse.rounds
            wait_until(lambda: world.worker._pulse.rounds > rounds + 1)
        later = world.order(**order)

        def are_moved():
            # Leases of what was at work then run out, and pauses are over
            world.clock.pass_by(5)
            return {world.job(one).state for one in (job, later)} == {"dropped"}

        wait_until(are_moved, pause=0.5)
    finally:
        world.worker.stop(60)
    calls = [call[:2] for call in world.panel.calls if call[0] == "ensure_database"]
    assert len(calls) == len(set(calls)) == 2
