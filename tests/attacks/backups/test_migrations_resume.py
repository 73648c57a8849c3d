"""A migration that was killed anywhere goes on at the next try, and says with a code that helps what it cannot do."""

from urllib.parse import quote_plus

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from controller.db import migrate
from controller.db.connection.engine import make_engine
from controller.db.tables import metadata
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.servers.databases import mysql
from tests.support.state.migration_kills import Kill, Killed, Server, Sqlite, bring_to, steps

STEPS = steps()


@pytest.fixture(scope="module", params=["sqlite", "mariadb", "mysql"])
def databases(request, tmp_path_factory):
    """State databases of one kind (tests.support.state.migration_kills)."""
    if request.param == "sqlite":
        made = Sqlite(tmp_path_factory.mktemp("migrations"))
    elif request.param == "mariadb":
        made = Server(request.getfixturevalue("mariadb_server"), own=False)
    elif mysql.find() is None:
        pytest.skip(mysql.HINT)
    else:
        made = Server(mysql.start_private(), own=True)
    yield made
    made.close()


@attack(
    "the machine dies in the middle of a migration, before or after any of its statements",
    "the next try goes on and ends with the tables and rows of one that nobody disturbed",
)
@pytest.mark.sampled(of=5, each=("databases",))
@pytest.mark.parametrize(("before", "revision"), STEPS, ids=[revision for _, revision in STEPS])
def test_a_migration_killed_at_any_statement_goes_on(databases, before, revision):
    engine = databases.at(before)
    with Kill(databases, engine) as none:
        bring_to(engine, revision)
    wanted = databases.content(engine)
    databases.remove(engine)
    assert none.count > 1
    # What is after one of them is before the next
    places = [(number, "before") for number in range(1, none.count + 1)] + [(none.count, "after")]
    for number, when in places:
        engine = databases.at(before)
        with Kill(databases, engine, number, when), pytest.raises(Killed):
            bring_to(engine, revision)
        engine = databases.again(engine)
        bring_to(engine, revision)
        assert databases.content(engine) == wanted, (number, when)
        databases.remove(engine)


def test_no_migration_takes_rows_away_or_leaves_other_tables_than_the_queries_use(databases):
    first = databases.at(STEPS[0][1])
    kept = databases.content(first)[1]
    bring_to(first, "head")
    found = databases.content(first)[1]
    assert {name: len(rows) for name, rows in kept.items()} == {name: len(found[name]) for name in kept}
    with first.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    databases.remove(first)


def refusal(engine):
    with pytest.raises(ShoplaunchError) as caught:
        migrate.upgrade(engine)
    return caught.value


@attack(
    "an operator's database user may not change tables",
    "a code says which migration stopped and that it goes on, not that the database is busy and tried by itself",
)
def test_what_the_database_refuses_is_no_busy_database(mariadb_server):
    name, user, password = mariadb_server.new_database()
    engine = make_engine(f"mysql://{user}:{quote_plus(password)}@localhost/{name}?unix_socket={mariadb_server.socket}")
    bring_to(engine, STEPS[3][1])
    mariadb_server.query(f"REVOKE ALTER, CREATE, INDEX ON `{name}`.* FROM `{user}`@localhost")
    engine.dispose()
    error = refusal(engine)
    assert error.code == "migration_failed" and not error.retryable
    assert error.message.startswith(f"migration {STEPS[4][1]} stopped: ") and "denied" in error.message
    mariadb_server.query(f"GRANT ALL ON `{name}`.* TO `{user}`@localhost")
    engine.dispose()
    migrate.upgrade(engine)
    assert migrate.revisions(engine)[0] == migrate.newest()
    engine.dispose()
    mariadb_server.drop_database(name)


@attack(
    "somebody has changed the controller's tables by hand",
    "the update stops with a code that says where, not with a busy database that is tried by itself",
)
def test_tables_that_are_others_stop_the_migration(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path}/state.db")
    bring_to(engine, STEPS[3][1])
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE bundles ADD COLUMN variants TEXT")
    error = refusal(engine)
    assert error.code == "migration_failed" and not error.retryable
    assert error.message.startswith(f"migration {STEPS[4][1]} stopped: ") and "variants" in error.message


def test_a_database_that_is_locked_is_busy_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr("controller.db.connection.engine.BUSY_SECONDS", 0)
    engine = make_engine(f"sqlite:///{tmp_path}/state.db")
    other = make_engine(f"sqlite:///{tmp_path}/state.db")
    bring_to(engine, STEPS[3][1])
    with other.begin():
        assert refusal(engine).code == "database_busy"
    migrate.upgrade(engine)


@attack("two operators update at the same time", "the second waits for the first, and says so when that takes long")
def test_only_one_process_migrates_a_database(mariadb_server, monkeypatch):
    monkeypatch.setattr(migrate, "WAIT_SECONDS", 0)
    name, user, password = mariadb_server.new_database()
    engine = make_engine(f"mysql://{user}:{quote_plus(password)}@localhost/{name}?unix_socket={mariadb_server.socket}")
    with engine.connect() as first, migrate._alone(first):
        assert refusal(engine).code == "migration_running"
    migrate.upgrade(engine)
    engine.dispose()
    mariadb_server.drop_database(name)
