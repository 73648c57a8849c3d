"""Connections to the database: how many make the tables, which one goes from stage to stage, when others are gone."""

import threading

import pytest

from agent.database import ledger
from agent.database.access import change, close, run
from agent.stages import import_
from shared.errors import ShoplaunchError
from tests.integration.agent_work.database.site import MANY
from tests.support.error_codes import error_code

THREE = [f"CREATE TABLE `{name}` (`id` int NOT NULL PRIMARY KEY) ENGINE=InnoDB" for name in ("a", "b", "c")]


def others(site, connection):
    """Return the server's numbers of the account's connections to the database besides `connection`."""
    rows = site.server.query("SELECT id FROM information_schema.processlist WHERE user = %s", site.user)
    return {row[0] for row in rows} - {connection.thread_id()}


def test_tables_are_made_over_several_connections_at_once(site, monkeypatch):
    meeting = threading.Barrier(3, timeout=60)
    used = set()

    def meet(connection, statement, *more):
        if statement.startswith("CREATE TABLE `"):
            used.add(connection)
            meeting.wait()
        return run(connection, statement, *more)

    monkeypatch.setattr(import_, "execute", meet)
    site.tables(*THREE)
    import_.run(site.attempt(1))
    assert len(used) == 3 and {"a", "b", "c"} <= site.names()


def test_where_only_the_lock_keeps_agents_apart_its_connection_makes_all_tables(site, monkeypatch):
    used = set()

    def note(connection, statement, *more):
        used.add(connection)
        return run(connection, statement, *more)

    monkeypatch.setattr(import_, "execute", note)
    site.tables(*THREE)
    import_.run(site.attempt(1, reliable=False))
    assert len(used) == 1 and {"a", "b", "c"} <= site.names()


@pytest.mark.parametrize("most", [2, 3])
def test_an_account_that_may_have_few_connections_gets_its_tables_and_rows(site, most):
    site.query(f"ALTER USER `{site.user}`@localhost WITH MAX_USER_CONNECTIONS {most}")
    site.tables(MANY, *THREE)
    for number in range(4):
        site.chunk(number, f"INSERT INTO `many` VALUES ({number},'row');\n", 1)
    import_.run(site.attempt(1))
    assert {"a", "b", "c", "many"} <= site.names()
    assert site.query("SELECT COUNT(*) FROM many") == ((4,),)


def test_connections_that_come_meanwhile_are_not_waited_for(site, monkeypatch):
    connection = site.take(1)
    gone, come = {2**31}, {2**31 + 1}
    answers = iter([gone, gone | come, come])
    monkeypatch.setattr(ledger, "_others", lambda *_: next(answers))
    ledger.kill_others(connection)
    assert next(answers, None) is None


def test_the_next_agent_begins_after_the_killed_connections_have_ended(site):
    site.take(1)
    site.query(MANY)
    old = site.attempt(1).connect()
    site.made.append(old)
    change(old, b"BEGIN")
    # To take it back takes the server a while, in which the connection is killed but not gone
    change(old, b"INSERT INTO many SELECT seq, REPEAT('x', 50) FROM seq_1_to_300000")
    newer = site.take(2)
    assert others(site, newer) == set()


def test_killed_connections_that_do_not_end_are_waited_for_but_not_for_ever(site, monkeypatch):
    connection = site.take(1)
    monkeypatch.setattr(ledger, "LOCK_SECONDS", 0.1)
    # A number no thread has
    monkeypatch.setattr(ledger, "_others", lambda *_: {2**31})
    with pytest.raises(ShoplaunchError, match="db_error") as failure:
        ledger.kill_others(connection)
    assert failure.value.retryable


def test_what_a_stage_leaves_is_what_the_next_one_works_with(site):
    ctx = site.attempt(1)
    with ledger.locked(ctx) as first:
        pass
    with ledger.locked(ctx) as second:
        assert second is first and ledger.holds_lock(second, ctx.job["lock_name"])
        # Only the next stage is to have it
        assert ctx.locked_connection is None
    ledger.release(ctx)
    assert ctx.locked_connection is None and not first.open


def test_after_a_failure_nothing_is_left_to_the_next_stage(site):
    ctx = site.attempt(1)

    def fail():
        with ledger.locked(ctx) as connection:
            site.made.append(connection)
            raise ShoplaunchError("db_error", "as if")

    assert error_code(fail) == "db_error"
    assert ctx.locked_connection is None and not site.made[0].open


@pytest.mark.parametrize("loss", ["KILL {}", "RELEASE"])
def test_where_the_lock_was_lost_between_two_stages_it_is_taken_anew(site, loss):
    site.tables(*THREE)
    ctx = site.attempt(1)
    with ledger.locked(ctx) as first:
        pass
    if loss == "RELEASE":
        run(first, "SELECT RELEASE_LOCK(%s)", (ctx.job["lock_name"],))
    else:
        site.server.query(loss.format(first.thread_id()))
    import_.run(ctx)
    assert ctx.locked_connection is not first and not first.open
    assert ledger.holds_lock(ctx.locked_connection, ctx.job["lock_name"])
    assert {"a", "b", "c"} <= site.names()
    close(ctx.locked_connection)


def test_what_is_there_already_is_looked_for_where_a_table_was_there(site, monkeypatch):
    """Killed after its routines were made, or before: the next run makes what is missing and nothing twice."""
    keys = [["child", "ALTER TABLE `b` ADD CONSTRAINT `child` FOREIGN KEY (`id`) REFERENCES `a` (`id`)"]]
    late = [{"late": [], "late_index": [], "foreign_keys": []} for _ in THREE]
    late[1]["foreign_keys"] = keys
    late[2].update(late=["ALTER TABLE `c` ADD KEY `twice` (`id`)"], late_index=["twice"])
    entries = [
        {"name": create.split("`")[1], "create": create, **more} for create, more in zip(THREE, late, strict=True)
    ]
    site.member("db/tables.json.gz", "tables", entries)
    view = {"kind": "view", "name": "seen", "create": "CREATE VIEW `seen` AS SELECT `id` FROM `a`"}
    site.member("db/routines.json.gz", "routines", [view])
    for _ in range(2):
        import_.run(site.attempt(1))
    site.query("DROP VIEW `seen`")
    site.query("ALTER TABLE `c` DROP KEY `twice`")
    site.query("DROP TABLE `b`")
    import_.run(site.attempt(1))
    assert {"a", "b", "c", "seen"} <= site.names()
    assert len(site.query("SHOW INDEX FROM `c` WHERE Key_name = 'twice'")) == 1
    assert "CONSTRAINT `child`" in site.query("SHOW CREATE TABLE `b`")[0][1]
