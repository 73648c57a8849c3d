"""What only PostgreSQL says or refuses is reported and stored as on the other databases."""

import os
import pwd
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from controller.db import jobs, migrate
from controller.db.connection import clock
from controller.db.connection.engine import make_engine, reading, transact
from controller.db.identities import access
from controller.db.tables import audit, login_failures, operators
from controller.db.tables import jobs as job_rows
from shared.errors import ShoplaunchError
from tests.integration.controller.rows import NOW, add_job, read
from tests.support.error_codes import code_or_none
from tests.support.servers.databases import postgresql

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def clear(engine):
    return code_or_none(lambda: transact(engine, lambda made: made.execute(sa.delete(audit))))


# -- how it is named --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"])
def test_every_name_that_people_write_is_taken(database_url, scheme):
    engine = make_engine(database_url.replace("postgresql", scheme, 1))
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    engine.dispose()


def test_an_option_that_there_is_not_is_named(database_url):
    engine = make_engine(database_url + "&sslmodus=verify-full")
    with pytest.raises(ShoplaunchError, match="sslmodus") as caught, engine.connect():
        pass
    assert caught.value.code == "config_invalid"


def test_a_database_of_another_encoding_is_refused_before_it_holds_anything(database_url, postgresql_server):
    made = "CREATE DATABASE latin OWNER {} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
    postgresql_server.query(made.format(postgresql.OWNER))
    engine = make_engine(postgresql_server.url("latin"))
    with pytest.raises(ShoplaunchError, match=r"LATIN1.*UTF8") as caught:
        migrate.upgrade(engine)
    assert caught.value.code == "config_invalid"
    with engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == []
    engine.dispose()
    postgresql_server.drop_database("latin")


# -- what it stores ---------------------------------------------------------------------------------------------------


def test_a_text_with_a_character_that_it_does_not_store_breaks_nothing(engine):
    transact(engine, lambda made: access.add_audit(made, NOW, "no\0ra", "login", None, "\0 of a stranger \0"))
    rows = [{"subject": "user:\0", "at": NOW}, {"subject": "user:plain", "at": NOW}]
    transact(engine, lambda made: made.execute(sa.insert(login_failures), rows))
    with reading(engine) as connection:
        (row,) = access.list_audit(connection, 9, 0)
        subjects = set(connection.execute(sa.select(login_failures.c.subject)).scalars())
        assert access.password_hash(connection, "no\0ra") is None
    assert (row.user, row.detail) == ("no\ufffdra", "\ufffd of a stranger \ufffd")
    assert subjects == {"user:\ufffd", "user:plain"}


def test_names_sort_by_their_characters_whatever_the_databases_locale(engine):
    names = ["Zoe", "_x", "adam", "Ádám", "zoe", "علی"]
    rows = [{"user": name, "password_hash": "", "created_at": NOW} for name in names]
    transact(engine, lambda made: made.execute(sa.insert(operators), rows))
    with reading(engine) as connection:
        assert access.list_operators(connection) == sorted(names)
        kinds = """SELECT DISTINCT collation_name FROM information_schema.columns
            WHERE table_schema = 'public' AND table_name <> 'alembic_version' AND data_type IN
            ('text', 'character varying')"""
        assert connection.exec_driver_sql(kinds).scalars().all() == ["C"]


def test_what_it_quotes_of_a_row_comes_into_no_message(engine):
    add_job(engine, "job00001", order_key="geheim-key")
    with pytest.raises(IntegrityError) as caught:
        add_job(engine, "job00002", order_key="geheim-key")
    assert "uq_jobs_order_key" in str(caught.value)
    values = {"id": "job00003", "secrets_encrypted": "geheim-value"}
    with pytest.raises(IntegrityError) as other:
        transact(engine, lambda made: made.execute(sa.insert(job_rows).values(**values)))
    for error in (caught.value, other.value):
        assert "geheim" not in f"{error} {error!r} {error.orig}"


def test_its_time_goes_on_within_a_transaction(engine):
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL TimeZone = 'Asia/Tehran'")
        first = clock.database_now(connection)
        connection.exec_driver_sql("SELECT pg_sleep(0.01)")
        second = clock.database_now(connection)
        assert first < second < connection.exec_driver_sql("SELECT extract(epoch FROM now())").scalar() + 600
        # Of the machine that the server is on, which is this one
        assert abs(second - clock.time.time()) < 600


# -- what it refuses --------------------------------------------------------------------------------------------------


def test_a_server_that_takes_no_changes_is_named(engine):
    @sa.event.listens_for(engine, "begin")
    def protect(connection):
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")

    assert clear(engine) == "database_unwritable"


def test_a_user_without_rights_is_named(engine, postgresql_server):
    name = engine.url.database
    postgresql_server.query("CREATE ROLE looks LOGIN")
    postgresql_server.query("GRANT SELECT ON ALL TABLES IN SCHEMA public TO looks", database=name)
    other = make_engine(postgresql_server.url(name, "looks"))
    try:
        assert clear(other) == "database_unwritable"
    finally:
        other.dispose()
        postgresql_server.query("DROP OWNED BY looks", database=name)
        postgresql_server.query("DROP ROLE looks")


def test_a_lock_that_is_held_for_long_is_a_busy_database(database_url, monkeypatch):
    monkeypatch.setattr("controller.db.connection.engine.BUSY_SECONDS", 1)
    monkeypatch.setattr("controller.db.connection.engine.TRIES", 2)
    engine = make_engine(database_url)
    migrate.upgrade(engine)
    job = add_job(engine)
    with engine.begin() as first:
        jobs.get(first, job.id, lock=True)
        with pytest.raises(ShoplaunchError) as caught:
            transact(engine, lambda made: jobs.get(made, job.id, lock=True))
    assert caught.value.code == "database_busy" and caught.value.details["repeatable"]
    assert transact(engine, lambda made: jobs.get(made, job.id, lock=True)) == job
    engine.dispose()


def test_two_that_wait_for_each_other_both_get_through(engine):
    add_job(engine, "job00001")
    add_job(engine, "job00002")
    both = threading.Barrier(2, timeout=60)
    tries = []

    def change(names):
        def work(connection):
            tries.append(names)
            for number, name in enumerate(names):
                job = jobs.get(connection, name, lock=True)
                jobs.update(connection, job, NOW, percent=job.percent + 1)
                if number == 0 and len(tries) <= 2:
                    both.wait()

        transact(engine, work)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(change, [("job00001", "job00002"), ("job00002", "job00001")]))
    # One was given up and tried again; it may take its first row before the other, which waits for it, wakes up
    assert len(tries) >= 3
    assert [read(engine, name).percent for name in ("job00001", "job00002")] == [2, 2]


def test_a_server_without_a_free_connection_is_a_busy_database(engine, postgresql_server):
    name = engine.url.database
    engine.dispose()
    postgresql_server.query(f"ALTER DATABASE {name} CONNECTION LIMIT 1")
    others = make_engine(engine.url.render_as_string(hide_password=False))
    with others.connect():
        assert clear(engine) == "database_busy"
    others.dispose()
    assert clear(engine) == "none"


@pytest.fixture
def disk():
    """A folder of the server's user, on a disk of 4 MiB."""
    folder, user = tempfile.mkdtemp(prefix="shoplaunch-tablespace-"), pwd.getpwnam(postgresql.USER)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "shoplaunch-test", folder], check=True)
    os.chown(folder, user.pw_uid, user.pw_gid)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)
    os.rmdir(folder)


@pytest.mark.root
def test_a_disk_of_the_server_that_is_full_is_named(disk, postgresql_server, database_url):
    postgresql_server.query(f"CREATE TABLESPACE small OWNER {postgresql.OWNER} LOCATION '{disk}'")
    engine = make_engine(database_url)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE held (text text) TABLESPACE small")
        fill = sa.text("INSERT INTO held SELECT repeat(md5(n::text), 20) FROM generate_series(1, 9000) n")
        assert code_or_none(lambda: transact(engine, lambda made: made.execute(fill))) == "database_full"
    finally:
        engine.dispose()
        postgresql_server.query("DROP TABLE held", database=engine.url.database)
        postgresql_server.query("DROP TABLESPACE small")


# -- migrations -------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone."""


def changes(engine, number=0):
    """Migrate; end the connection before statement `number` of those that change something; return how many ran."""
    seen = []

    def count(connection, _cursor, statement, *_more):
        if statement.lstrip().startswith(("SELECT", "SHOW")):
            return
        seen.append(statement)
        if len(seen) == number:
            connection.connection.dbapi_connection.pgconn.finish()
            raise Killed

    sa.event.listen(engine, "before_cursor_execute", count)
    try:
        migrate.upgrade(engine)
    except (Killed, ShoplaunchError):
        # The second where the connection is missed at the end of the transaction
        engine.dispose()
    finally:
        sa.event.remove(engine, "before_cursor_execute", count)
    return len(seen)


def test_a_migration_that_was_killed_anywhere_begins_anew(database_url, postgresql_server):
    whole = make_engine(postgresql_server.url(postgresql_server.new_database()))
    count = changes(whole)
    whole.dispose()
    assert count > 50
    engine = make_engine(database_url)
    for number in (1, 2, count // 3, count // 2, count - 1, count):
        assert changes(engine, number) == number
        with engine.connect() as connection:
            assert sa.inspect(connection).get_table_names() == []
    migrate.upgrade(engine)
    assert migrate.revisions(engine)[0] == migrate.newest()
    engine.dispose()


def test_only_one_process_migrates_a_database(database_url, monkeypatch):
    monkeypatch.setattr(migrate, "WAIT_SECONDS", 0)
    engine = make_engine(database_url)
    with engine.connect() as first, migrate._alone(first), pytest.raises(ShoplaunchError) as caught:
        migrate.upgrade(engine)
    assert caught.value.code == "migration_running"
    migrate.upgrade(engine)
    engine.dispose()


def test_what_the_database_refuses_is_no_busy_database(database_url, postgresql_server):
    engine = make_engine(database_url)
    name = engine.url.database
    postgresql_server.query(f"ALTER DATABASE {name} OWNER TO postgres")
    postgresql_server.query("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database=name)
    with pytest.raises(ShoplaunchError) as caught:
        migrate.upgrade(engine)
    assert caught.value.code == "migration_failed" and not caught.value.retryable
    assert caught.value.message.startswith("migration 0001 stopped: ") and "denied" in caught.value.message
    engine.dispose()
    postgresql_server.query(f"ALTER DATABASE {name} OWNER TO {postgresql.OWNER}")
    migrate.upgrade(engine)
    engine.dispose()
