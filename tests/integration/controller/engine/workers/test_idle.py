"""A worker without work asks little, however many jobs there were: few statements a round, found by an index."""

import threading
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from controller.db import due, migrate
from controller.db.connection import clock
from controller.db.connection.clock import Moment
from controller.db.connection.engine import make_engine, reading, transact
from controller.db.tables import jobs
from controller.jobs.engine import visiting, worker
from controller.jobs.engine.capacity.thread_shares import THREADS
from controller.jobs.engine.worker_options import WorkerOptions
from tests.integration.controller.asking import asked
from tests.integration.controller.rows import NOW, add_job
from tests.support.state.state_database import SERVERS, make_tables, new_url

FINISHED, RUNNING, PIECE = 20_000, 500, 500
#: What a round may ask, so that signs of life and chores included three statements a second are not reached.
A_ROUND, ROUNDS_A_SECOND = 2, 1


@pytest.fixture(scope="module", params=["sqlite", *SERVERS])
def full(request, tmp_path_factory):
    """The state database of an installation that has made many shops, and makes some now; none is due."""
    engine = make_engine(new_url(request, tmp_path_factory.mktemp("full"), request.param))
    make_tables(engine)
    add_job(engine, "first", state="live")
    with reading(engine) as connection:
        (one,) = connection.execute(sa.select(jobs)).mappings()
    rows = [{**one, "id": f"old{n}", "server": f"web{n % 50}"} for n in range(PIECE)]
    later = {"state": "restoring", "wake_at": NOW * 2}
    rows += [{**one, **later, "id": f"new{n}", "server": f"web{n % 50}"} for n in range(RUNNING)]
    transact(engine, lambda connection: connection.execute(sa.insert(jobs).values(rows)))
    # The database makes the rest of them itself, twenty times as fast
    names = [column.name for column in jobs.c if column.name != "id"]
    for number in range(1, FINISHED // PIECE):
        finished = jobs.c.id.like("old%") & ~jobs.c.id.contains("-")
        more = sa.select(jobs.c.id + f"-{number}", *(jobs.c[name] for name in names)).where(finished)
        transact(
            engine, lambda connection, more=more: connection.execute(sa.insert(jobs).from_select(["id", *names], more))
        )
    with engine.connect() as connection:
        words = "ANALYZE TABLE jobs" if engine.dialect.name == "mysql" else "ANALYZE jobs"
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(words)
        assert connection.execute(sa.select(sa.func.count()).select_from(jobs)).scalar() == 1 + FINISHED + RUNNING
    yield engine
    engine.dispose()


QUESTIONS = {
    "which servers have due jobs": lambda c: due.servers(c, Moment(NOW, NOW)),
    "what is due on a server": lambda c: due.candidates(c, "web1", Moment(NOW, NOW), 8),
    "which finished shops of a server are due": lambda c: due.candidates(
        c, "web1", Moment(NOW, NOW), 8, which=due.VISITS
    ),
}


def plan(connection, statement, values):
    """Return how the database finds the rows of `jobs`."""
    kind = connection.dialect.name
    found = connection.exec_driver_sql(f"{'EXPLAIN QUERY PLAN' if kind == 'sqlite' else 'EXPLAIN'} {statement}", values)
    return " | ".join(" ".join(map(str, row)) for row in found)


def test_what_a_worker_asks_all_the_time_is_found_by_an_index(full):
    for words, question in QUESTIONS.items():
        with asked(full) as seen, reading(full) as connection:
            question(connection)
        for statement, values in list(seen):
            with reading(full) as connection:
                found = plan(connection, statement, values)
            assert "wake_at" in found, (words, found)
            assert not any(bad in found for bad in ("Seq Scan on jobs", "SCAN jobs")), (words, found)


def test_a_round_without_work_asks_little(full):
    made = worker.Worker(full, lambda _job: None)
    made._round()
    with asked(full) as seen:
        for _ in range(3):
            made._round()
    assert len(seen) <= 3 * A_ROUND and 1 / worker.POLL_SECONDS <= ROUNDS_A_SECOND


def test_the_version_of_the_tables_and_the_time_are_not_asked_for_in_each_round(full, monkeypatch):
    passed = [0.0]
    monkeypatch.setattr(migrate, "time", SimpleNamespace(monotonic=lambda: passed[0]))
    watch, database_clock = migrate.Watch(full.url), clock.DatabaseClock(full, lambda: passed[0])
    options = WorkerOptions(is_left=watch.is_left)
    made = worker.Worker(full, lambda _job: None, database_clock, options=options)
    made._round()
    with asked(full) as seen, asked(watch._engine) as of_version:
        for _ in range(10):
            passed[0] += worker.POLL_SECONDS
            made._round()
    watch._engine.dispose()
    assert [words.count("FROM alembic_version") for words, _values in of_version] == [1] * 5
    # Of SQLite, whose clock is the machine's, none
    assert sum("coalesce(jobs.server" in words for words, _values in seen) == 10 and len(seen) <= 15


def test_a_worker_without_room_asks_for_finished_shops_alone_until_a_drain_ends(full, monkeypatch):
    monkeypatch.setattr(visiting, "LOOK_SECONDS", 600.0)
    made, leave = worker.Worker(full, lambda _job: None), threading.Event()
    threads = [threading.Thread(target=leave.wait, args=(120,)) for _ in range(THREADS)]
    for number, thread in enumerate(threads):
        thread.start()
        made._under_way[number] = f"web{number}", thread
    with asked(full) as seen:
        made._round()
        assert [str(values).count("finishing") for words, values in seen if " jobs" in words] == [1]
        # No hint has come since
        made._round()
        assert len([words for words, _values in seen if " jobs" in words]) == 1 and made._is_short
        leave.set()
        for thread in threads:
            thread.join(120)
        made._round()
    assert len(seen) > 1 and not made._is_short
