"""The state database behaves the same on SQLite, on a real MariaDB and on a real PostgreSQL."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import IntegrityError

from controller.db import due, jobs, leases, proofs, steps
from controller.db.connection.clock import Moment
from controller.db.connection.engine import make_engine, reading, transact
from controller.db.migrate import revisions, upgrade
from controller.db.tables import metadata
from controller.jobs.engine.capacity import thread_shares
from shared.errors import ShoplaunchError
from tests.integration.controller.rows import NOW, add_job, read
from tests.support.state.state_database import catalogue, new_url


@pytest.fixture
def migrated(request, database_url, tmp_path):
    """An engine on another database of the kind, to which every migration was applied; others get copies of tables."""
    made = make_engine(new_url(request, tmp_path, request.node.callspec.params["database_url"], "migrated"))
    upgrade(made)
    yield made
    made.dispose()


def test_migrations_make_exactly_the_tables_the_queries_use(migrated):
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def definitions(engine):
    """Return what makes the tables and their indexes, as values that compare."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            rows = connection.exec_driver_sql("SELECT tbl_name, sql FROM sqlite_master ORDER BY tbl_name, name")
            return [tuple(row) for row in rows]
        if engine.dialect.name == "postgresql":
            return catalogue(connection)
        tables = sorted(name for (name,) in connection.exec_driver_sql("SHOW TABLES"))
        return [tuple(connection.exec_driver_sql(f"SHOW CREATE TABLE `{name}`").one()) for name in tables]


def test_tests_begin_with_the_tables_that_migrations_make(migrated, engine):
    assert definitions(engine) == definitions(migrated) != []
    assert revisions(engine) == revisions(migrated)


def test_migrating_twice_changes_nothing(engine):
    add_job(engine)
    upgrade(engine)
    assert read(engine).domain == "shop.example.com"
    found, newest = revisions(engine)
    assert found == newest


def test_a_database_without_tables_is_distinguished_from_one_that_is_current(database_url):
    found, newest = revisions(make_engine(database_url))
    assert found is None and newest is not None


def test_texts_of_any_language_and_long_documents_come_back_as_they_were(engine):
    long = {"text": "ض" * 200_000, "quotes": "\"'\\\n\0"}
    add_job(engine, facts=long)
    job = read(engine)
    assert job.facts == long
    assert job.order == {"shop_name": "فروشگاه"}


def test_names_that_differ_in_case_only_are_different(engine):
    add_job(engine, "job00001", order_key="abc")
    add_job(engine, "job00002", order_key="ABC")
    with reading(engine) as connection:
        assert jobs.find_by_order(connection, "ABC").id == "job00002"


@pytest.mark.parametrize("key", ["order_key", "domain_key", "account_key"])
def test_two_jobs_cannot_hold_the_same_key_but_any_number_holds_none(engine, key):
    add_job(engine, "job00001", **{key: "same"})
    with pytest.raises(IntegrityError):
        add_job(engine, "job00002", **{key: "same"})
    add_job(engine, "job00003")
    add_job(engine, "job00004")


def test_a_change_made_on_an_old_reading_is_refused(engine):
    old = add_job(engine)
    transact(engine, lambda connection: jobs.update(connection, old, NOW + 1, percent=10))
    with pytest.raises(jobs.Conflict):
        transact(engine, lambda connection: jobs.update(connection, old, NOW + 2, percent=20))
    assert read(engine).percent == 10


def test_a_change_by_who_knows_another_holder_of_the_job_is_refused(engine):
    known = add_job(engine, lease_owner="mine")
    transact(engine, lambda connection: connection.execute(sa.text("UPDATE jobs SET lease_owner = 'other'")))
    with pytest.raises(jobs.Conflict):
        transact(engine, lambda connection: jobs.update(connection, known, NOW + 1, percent=20))
    assert read(engine).percent == 0


def test_a_renewed_lease_leaves_the_job_as_its_holder_knows_it(engine):
    held = add_job(engine, lease_owner="mine", lease_until=NOW)
    assert transact(engine, lambda connection: leases.renew(connection, held.id, "mine", NOW + 90))
    transact(engine, lambda connection: jobs.update(connection, held, NOW + 1, percent=20))
    assert (read(engine).percent, read(engine).lease_until) == (20, NOW + 90)


def test_a_change_to_the_same_values_still_counts_as_one(engine):
    job = add_job(engine, percent=10)
    changed = transact(engine, lambda connection: jobs.update(connection, job, job.updated_at, percent=10))
    assert changed.version == read(engine).version == job.version + 1


def test_what_a_failed_transaction_wrote_is_gone(engine):
    job = add_job(engine)

    def work(connection):
        jobs.update(connection, job, NOW + 1, percent=50)
        raise ShoplaunchError("internal", "after writing")

    with pytest.raises(ShoplaunchError):
        transact(engine, work)
    assert read(engine) == job


def test_many_threads_count_without_losing_one(engine):
    add_job(engine)

    def count(_number):
        def work(connection):
            job = jobs.get(connection, "job00001", lock=True)
            jobs.update(connection, job, NOW, percent=job.percent + 1)

        transact(engine, work)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(40)))
    assert read(engine).percent == 40


def test_only_one_of_many_takes_a_lease(engine):
    add_job(engine)
    start = threading.Barrier(6)

    def take(owner):
        start.wait()
        return transact(engine, lambda c: leases.take(c, "job00001", owner, NOW, NOW + 60))

    with ThreadPoolExecutor(6) as pool:
        taken = list(pool.map(take, [f"worker{n}" for n in range(6)]))
    assert taken.count(True) == 1
    assert read(engine).lease_owner == f"worker{taken.index(True)}"


def test_a_lease_can_be_taken_over_only_after_it_ran_out(engine):
    add_job(engine)
    assert transact(engine, lambda c: leases.take(c, "job00001", "first", NOW, NOW + 60))
    assert not transact(engine, lambda c: leases.take(c, "job00001", "second", NOW + 59, NOW + 119))
    assert transact(engine, lambda c: leases.renew(c, "job00001", "first", NOW + 90))
    assert not transact(engine, lambda c: leases.take(c, "job00001", "second", NOW + 89, NOW + 149))
    assert transact(engine, lambda c: leases.take(c, "job00001", "second", NOW + 90, NOW + 150))
    assert not transact(engine, lambda c: leases.renew(c, "job00001", "first", NOW + 200))


def test_a_job_is_due_when_its_time_came_and_nobody_holds_it(engine):
    add_job(engine, "job00001", wake_at=NOW)
    add_job(engine, "job00002", wake_at=NOW - 10)
    add_job(engine, "job00003", wake_at=NOW + 10)
    add_job(engine, "job00004", wake_at=None)
    add_job(engine, "job00005", wake_at=NOW, lease_owner="somebody", lease_until=NOW + 5)
    add_job(engine, "job00006", wake_at=NOW, lease_owner="nobody any more", lease_until=NOW)
    with reading(engine) as connection:
        server = jobs.get(connection, "job00001").server
        found = due.candidates(connection, server, Moment(NOW, NOW), 10)
        assert due.candidates(connection, "another", Moment(NOW, NOW), 10) == []
        assert due.servers(connection, Moment(NOW, NOW))[0] == [(server, 3, 0, 1, 0, 1)]
    # What a worker was at when it was killed, then the longest due
    assert [one.job for one in found] == ["job00006", "job00002", "job00001"]


def test_a_job_that_changed_while_it_was_held_is_looked_at_again_at_once(engine):
    add_job(engine, state="restoring", wake_at=NOW)
    transact(engine, lambda c: leases.take(c, "job00001", "me", NOW, NOW + 60))
    held = read(engine)
    transact(engine, lambda c: jobs.update(c, jobs.get(c, "job00001", lock=True), NOW, state="finishing"))
    transact(engine, lambda c: leases.release(c, held, "me", NOW, NOW + 600))
    assert read(engine).wake_at == NOW
    assert read(engine).lease_owner is None


def test_releasing_a_lease_that_was_lost_changes_nothing(engine):
    add_job(engine)
    transact(engine, lambda c: leases.take(c, "job00001", "old", NOW, NOW + 60))
    held = read(engine)
    transact(engine, lambda c: leases.take(c, "job00001", "new", NOW + 60, NOW + 120))
    before = read(engine)
    transact(engine, lambda c: leases.release(c, held, "old", NOW + 61, None))
    assert read(engine) == before


def test_a_secret_another_shop_has_is_found_and_nothing_is_noted(engine):
    add_job(engine, "job00001")
    add_job(engine, "job00002")
    assert transact(engine, lambda c: proofs.claim_fingerprints(c, "job00001", {"a": "f1", "b": "f2"})) is None
    assert transact(engine, lambda c: proofs.claim_fingerprints(c, "job00002", {"x": "f3", "y": "f2"})) == "y"
    with reading(engine) as connection:
        assert proofs.fingerprints_of(connection, "job00002") == {}
        assert proofs.fingerprints_of(connection, "job00001") == {"a": "f1", "b": "f2"}


def test_reset_steps_wait_again_and_remember_how_often_they_ran(engine):
    add_job(engine)
    transact(engine, lambda c: steps.insert(c, "job00001", ["account", "php"]))
    failed = {"code": "panel_refused", "message": "no", "advice": "", "retryable": False}
    transact(engine, lambda c: steps.update(c, "job00001", "php", state="failed", attempts=3, failures=2, error=failed))
    with reading(engine) as connection:
        assert steps.of_job(connection, "job00001")["php"].error == failed
    transact(engine, lambda c: steps.reset(c, "job00001", ["php"]))
    with reading(engine) as connection:
        row = steps.of_job(connection, "job00001")["php"]
    assert (row.state, row.attempts, row.failures, row.error) == ("waiting", 3, 0, None)


def test_looking_does_not_wait_for_a_writer(engine):
    add_job(engine)
    with engine.begin() as writer:
        jobs.update(writer, jobs.get(writer, "job00001", lock=True), NOW, percent=99)
        with reading(engine) as connection:
            assert jobs.get(connection, "job00001").percent == 0


def test_all_of_a_workers_threads_have_a_connection_at_the_same_time(engine):
    threads = 2 * thread_shares.THREADS + 2  # jobs, what renews their leases and slots, and the look for due ones
    together = threading.Barrier(threads)

    def look(_number):
        with reading(engine) as connection:
            jobs.counts(connection)
            together.wait(120)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(look, range(threads)))


def test_a_thread_waits_when_as_many_connections_are_lent_as_the_server_has_for_it(database_url, monkeypatch):
    for name, value in {"BUSY_SECONDS": 1, "KEPT": 1, "MOST": 3}.items():
        monkeypatch.setattr(f"controller.db.connection.engine.{name}", value)
    made = make_engine(database_url)
    upgrade(made)
    with ExitStack() as lent:
        for _ in range(3):
            lent.enter_context(reading(made))
        with pytest.raises(ShoplaunchError, match="all 3 connections") as caught, reading(made):
            pass
    assert caught.value.code == "database_busy"
    assert add_job(made).state == "received"
    made.dispose()


def test_deleting_a_job_takes_what_belongs_to_it_along(engine):
    add_job(engine)
    transact(engine, lambda c: steps.insert(c, "job00001", ["account"]))
    transact(engine, lambda c: c.execute(sa.delete(metadata.tables["jobs"])))
    with reading(engine) as connection:
        assert steps.of_job(connection, "job00001") == {}


def test_what_goes_over_a_verified_socket_is_not_encrypted_unless_the_url_asks_for_it(engine, database_url):
    if engine.dialect.name != "mysql":
        pytest.skip("MySQL's and MariaDB's protocol")
    asking = make_engine(f"{database_url}&ssl_check_hostname=false")
    try:
        ciphers = []
        for one in (engine, asking):
            with one.connect() as connection:
                ciphers.append(connection.exec_driver_sql("SHOW STATUS LIKE 'Ssl_cipher'").one()[1])
    finally:
        asking.dispose()
    assert ciphers[0] == "" and ciphers[1] != ""
