"""Whose the database is, who may write, and each chunk exactly once, looked at on the connections themselves."""

import pytest

from agent.database import ledger
from agent.database.access import change, close, run
from agent.database.importer import import_chunk
from agent.stages import import_, preflight
from shared.errors import ShoplaunchError
from shared.placeholders import token
from tests.integration.agent_work.database.site import MANY
from tests.support.error_codes import error_code
from tests.support.shops.handmade import NONCE


def test_an_attempt_older_than_the_ledgers_gets_nothing(site):
    site.take(3)
    assert error_code(site.take, 2) == "superseded"


def test_tables_of_another_job_are_never_dropped_finished_or_not(site):
    site.take(1, job="firstjob")
    site.query(MANY)
    assert error_code(site.take, 1, job="secondjob") == "db_not_empty"
    connection = site.attempt(1, job="secondjob").connect()
    site.made.append(connection)
    ledger.drop_everything(connection, "secondjob", 1)
    assert "many" in site.names()


def test_an_empty_ledger_of_another_job_is_no_obstacle(site):
    site.take(7, job="firstjob")
    site.take(1, job="secondjob")
    assert site.query("SELECT job, attempt FROM shoplaunch_attempt") == (("secondjob", 1),)


def test_procedures_of_somebody_else_count_as_content(site):
    site.query("CREATE PROCEDURE mine() SELECT 1")
    assert error_code(site.take, 1) == "db_not_empty"


@pytest.mark.parametrize("changed", [{"domain": "other.example.com"}, {"pin": "b" * 64}])
def test_other_values_or_another_bundle_start_with_an_empty_database(site, changed):
    site.take(1)
    site.query(MANY)
    site.query("CREATE VIEW seen AS SELECT * FROM many")
    site.query("CREATE FUNCTION one() RETURNS INT RETURN 1")
    site.take(2, **changed)
    assert site.names() == {"shoplaunch_attempt", "shoplaunch_ledger"}
    assert not site.query(f"SELECT 1 FROM information_schema.routines WHERE routine_schema='{site.name}'")


def test_another_database_password_keeps_tables_and_chunks(site):
    site.tables(MANY)
    ctx = site.attempt(1)
    member = site.chunk(1, "INSERT INTO `many` VALUES (1,'a'),(2,'b');\n", 2)
    import_.run(ctx)
    site.server.query(f"ALTER USER `{site.user}`@localhost IDENTIFIED BY 'new'")
    site.take(2, **{"db.password": "new"})
    assert site.query("SELECT chunk, attempt FROM shoplaunch_ledger") == ((member["name"], 1),)
    assert site.query("SELECT COUNT(*) FROM many") == ((2,),)


def test_dropping_interrupted_in_the_middle_is_finished_by_the_next_attempt(site, monkeypatch):
    connection = site.take(1)
    site.query(MANY)
    site.query("CREATE TABLE zebra (id INT)")
    seen = []

    def die_at_the_second(connection, statement, params=None):
        if isinstance(statement, str) and statement.startswith("DROP TABLE"):
            seen.append(statement)
            if len(seen) == 2:
                raise KeyboardInterrupt
        return run(connection, statement, params)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ledger, "run", die_at_the_second)
        ledger.drop_everything(connection, "job1234", 1)
    assert "zebra" in site.names() and "many" not in site.names()
    close(connection)
    # The same values as before: only the mark that the dropping left tells that tables are missing
    site.take(1)
    assert site.names() == {"shoplaunch_attempt", "shoplaunch_ledger"}


def test_a_zombie_that_comes_back_on_a_new_connection_is_fenced_off(site):
    site.tables(MANY)
    member = site.chunk(1, "INSERT INTO `many` VALUES (1,'a');\n", 1)
    old = site.attempt(1)
    connection = ledger.open_locked(old)
    run(connection, MANY)
    newer = site.take(2)
    # Its first connection is gone, so it opens another
    again = old.connect()
    site.made.append(again)
    assert error_code(import_chunk, old, again, member) == "superseded"
    assert error_code(ledger.open_locked, old) == "superseded"
    assert ledger.holds_lock(newer, "lock_" + site.name)
    assert site.query("SELECT COUNT(*) FROM many") == ((0,),)
    assert error_code(run, connection, "DROP TABLE many") == "db_unreachable"


def test_a_zombie_leaves_the_newer_attempts_connections_alone_also_while_nobody_holds_the_lock(site):
    """Between two of its locked connections the newer attempt has only workers."""
    close(site.take(2))
    newer = site.attempt(2).connect()
    site.made.append(newer)
    for zombie in (ledger.open_locked, ledger.open_for_shop):
        assert error_code(zombie, site.attempt(1)) == "superseded"
    assert run(newer, "SELECT 1") == ((1,),)


def test_a_zombies_open_transaction_blocks_nobody(site):
    site.take(1)
    site.query(MANY)
    zombie = site.attempt(1).connect()
    site.made.append(zombie)
    assert ledger.begin(zombie, "job1234", 1, {"name": "db/data/0001.sql.gz", "sha256": "0" * 64}, 1)
    change(zombie, b"INSERT INTO many VALUES (9,'zombie')")
    site.take(2)
    assert error_code(change, zombie, b"COMMIT") == "db_unreachable"
    assert site.query("SELECT COUNT(*) FROM many") == ((0,),)
    assert site.query("SELECT COUNT(*) FROM shoplaunch_ledger") == ((0,),)


def test_an_open_transaction_of_a_zombie_that_lost_the_lock_blocks_nobody(site):
    """The lock goes with its connection; the workers' connections may outlive it."""
    close(site.take(1))
    site.query(MANY)
    zombie = site.attempt(1).connect()
    site.made.append(zombie)
    assert ledger.begin(zombie, "job1234", 1, {"name": "db/data/0001.sql.gz", "sha256": "0" * 64}, 1)
    change(zombie, b"INSERT INTO many VALUES (9,'zombie')")
    site.take(2)
    assert error_code(change, zombie, b"COMMIT") == "db_unreachable"
    assert site.query("SELECT COUNT(*) FROM many") == ((0,),)


def test_where_file_locks_fail_a_working_agent_of_the_same_attempt_is_left_alone(site):
    holder = site.take(1, reliable=False)
    assert error_code(site.take, 1, reliable=False) == "db_locked"
    assert ledger.holds_lock(holder, "lock_" + site.name)
    # Of an older attempt it is not
    site.take(2, reliable=False)
    assert error_code(ledger.holds_lock, holder, "lock_" + site.name) == "db_unreachable"


def test_connections_to_other_databases_of_the_same_user_are_left_alone(site):
    other, _, _ = site.server.new_database()
    site.server.query(f"GRANT ALL ON `{other}`.* TO `{site.user}`@localhost")
    neighbour = site.attempt(1, **{"db.name": other}).connect()
    site.made.append(neighbour)
    site.take(1)
    assert run(neighbour, "SELECT 1") == ((1,),)
    site.server.query(f"DROP DATABASE `{other}`")


def test_a_chunk_that_any_agent_has_claimed_is_skipped(site):
    site.query(MANY)
    site.query("DROP TABLE many")
    connection = site.take(1)
    run(connection, MANY)
    member = site.chunk(1, "INSERT INTO `many` VALUES (1,'a');\n", 1)
    ctx = site.attempt(1)
    assert import_chunk(ctx, connection, member)
    assert not import_chunk(ctx, connection, member)
    assert site.query("SELECT COUNT(*) FROM many") == ((1,),)


@pytest.mark.parametrize(
    "text,rows",
    [
        ("INSERT INTO `many` VALUES (1,'a');\n", 2),
        ("INSERT INTO `many` VALUES (1,'a');\nINSERT IGNORE INTO `many` VALUES (1,'b');\n", 1),
    ],
)
def test_other_rows_than_promised_or_a_warning_leave_no_row_and_no_claim(site, text, rows):
    connection = site.take(1)
    run(connection, MANY)
    member = site.chunk(1, text, rows)
    assert error_code(import_chunk, site.attempt(1), connection, member) == "proof_rows_affected"
    assert site.query("SELECT COUNT(*) FROM many") == ((0,),)
    assert site.query("SELECT COUNT(*) FROM shoplaunch_ledger") == ((0,),)


def test_a_statement_the_server_refuses_leaves_nothing_of_its_chunk(site):
    site.tables(MANY)
    site.chunk(1, "INSERT INTO `many` VALUES (1,'a');\nINSERT INTO `many` VALUES (1,'again');\n", 2)
    assert error_code(import_.run, site.attempt(1)) == "db_data_error"
    assert site.query("SELECT COUNT(*) FROM many") == ((0,),)


def test_what_fails_in_a_chunk_leaves_its_connection_without_a_transaction(site):
    """The next BEGIN would commit it: rows that are half there, of a chunk the ledger has."""
    connection = site.take(1)
    run(connection, MANY)
    ctx, member = site.attempt(1), site.chunk(1, "INSERT INTO `many` VALUES (1,'a'),(2,'b');\n", 2)
    with pytest.raises(KeyError), ledger.chunk(ctx, connection, member, 2):
        change(connection, b"INSERT INTO many VALUES (1,'half')")
        raise KeyError
    assert import_chunk(ctx, connection, member)
    assert site.query("SELECT id, name FROM many ORDER BY id") == ((1, "a"), (2, "b"))


def test_a_chunk_whose_connection_is_lost_leaves_nothing_and_reports_its_own_failure(site):
    connection = site.take(1)
    run(connection, MANY)
    ctx, member = site.attempt(1), site.chunk(1, "INSERT INTO `many` VALUES (1,'a');\n", 1)

    def lose():
        with ledger.chunk(ctx, connection, member, 1):
            change(connection, b"INSERT INTO many VALUES (1,'half')")
            site.server.query(f"KILL {connection.thread_id()}")
            raise ShoplaunchError("proof_rows_affected")

    assert error_code(lose) == "proof_rows_affected"
    assert not connection.open
    assert import_chunk(ctx, site.take(1), member)


def test_a_line_end_in_a_raw_value_ends_no_statement(site):
    placeholder = token(NONCE, "shop.name").decode()
    site.tables(MANY)
    site.chunk(1, f"INSERT INTO `many` VALUES (1,'{placeholder}');\n", 1)
    import_.run(site.attempt(1, **{"shop.name": "two\nlines"}))
    assert site.query("SELECT name FROM many") == (("two\nlines",),)


def test_an_unknown_collation_becomes_the_first_fallback_the_server_has(site):
    site.manifest["collations"] = {"utf8mb4_future_ci": ["utf8mb4_later_ci", "utf8mb4_unicode_ci"]}
    site.tables(MANY.replace("varchar(50)", "varchar(50) COLLATE utf8mb4_future_ci"))
    import_.run(site.attempt(1))
    assert "utf8mb4_unicode_ci" in site.query("SHOW CREATE TABLE many")[0][1]


def test_a_collation_without_any_known_fallback_is_reported_before_anything_is_made(site):
    site.manifest["collations"] = {"utf8mb4_future_ci": ["utf8mb4_later_ci"]}
    site.manifest["requirements"] = {"max_statement_bytes": 1, "longest_key_bytes": 1}
    assert error_code(preflight.check_database, site.attempt(1)) == "db_collation"
    assert site.names() == set()


#: What a bundle may hold besides plain tables -> the right its making needs (MariaDB asks none for foreign keys).
RIGHT_FOR = {"view": "CREATE VIEW", "trigger": "TRIGGER", "procedure": "CREATE ROUTINE", "function": "CREATE ROUTINE"}
RIGHTS = ["CREATE", "DROP", "INSERT", "SELECT", "UPDATE", "DELETE", "ALTER"]


def needing(site, objects):
    """The site's bundle holds `objects`; return the first attempt."""
    site.manifest["requirements"] = {"max_statement_bytes": 1, "longest_key_bytes": 1, "objects": objects}
    return site.attempt(1)


@pytest.mark.parametrize("right", RIGHTS)
def test_each_missing_right_is_reported(site, right):
    site.server.query(f"REVOKE {right} ON `{site.name}`.* FROM `{site.user}`@localhost")
    assert error_code(preflight.check_database, needing(site, [])) == "db_privileges"


@pytest.mark.parametrize("kind,right", RIGHT_FOR.items())
def test_a_right_that_something_in_the_bundle_needs_is_reported_before_anything_is_imported(site, kind, right):
    site.server.query(f"REVOKE {right} ON `{site.name}`.* FROM `{site.user}`@localhost")
    assert error_code(preflight.check_database, needing(site, [kind])) == "db_privileges"


def test_of_a_bundle_that_names_no_objects_yet_triggers_are_tried(site):
    site.server.query(f"REVOKE TRIGGER ON `{site.name}`.* FROM `{site.user}`@localhost")
    attempt = needing(site, [])
    del site.manifest["requirements"]["objects"]
    preflight.check_database(attempt)
    site.manifest["requirements"]["triggers_or_routines"] = True
    assert error_code(preflight.check_database, attempt) == "db_privileges"


def test_rights_that_nothing_in_the_bundle_needs_may_be_missing(site):
    for right in sorted(set(RIGHT_FOR.values())):
        site.server.query(f"REVOKE {right} ON `{site.name}`.* FROM `{site.user}`@localhost")
    preflight.check_database(needing(site, []))


def test_what_was_made_to_try_the_rights_is_gone_also_after_a_run_that_was_killed_over_it(site):
    killed = needing(site, ["foreign_key", *RIGHT_FOR])
    connection = site.take(1)
    for statement in [
        "CREATE TABLE shoplaunch_probe (a VARBINARY(1) NOT NULL, b INT, c VARBINARY(1), PRIMARY KEY (a))",
        # As agents before this one made it
        "CREATE TABLE shoplaunch_probe_child (a VARBINARY(1), FOREIGN KEY (a) REFERENCES shoplaunch_probe (a))",
        *(make.format("shoplaunch_probe") for _kind, make, _drop in preflight.PROBES),
    ]:
        run(connection, statement)
    close(connection)
    preflight.check_database(killed)
    assert site.names() == {"shoplaunch_attempt", "shoplaunch_ledger"}
    assert ledger.routines(site.take(1)) == ()


def test_the_same_attempt_of_another_job_is_fenced_off(site):
    """A follow-up job has a database user of its own: it cannot kill the connections of a forgotten restore."""
    site.take(1)
    site.query(MANY)
    forgotten = site.attempt(1).connect()
    site.made.append(forgotten)
    small = site.attempt(1)
    small.job_id = small.job["job"] = "laterjob1"
    small.job["lock_name"] += "_later"
    site.server.query(f"CREATE USER `{site.name}_s`@localhost IDENTIFIED BY 'p'")
    site.server.query(f"GRANT ALL ON `{site.name}`.* TO `{site.name}_s`@localhost")
    small.values = {**small.values, "db.user": site.name + "_s", "db.password": "p"}
    site.made.append(ledger.open_for_shop(small))
    claim = {"name": "db/data/0001.sql.gz", "sha256": "0" * 64}
    assert error_code(ledger.begin, forgotten, "job1234", 1, claim, 1) == "superseded"
    assert site.names() == {"many", "shoplaunch_attempt", "shoplaunch_ledger"}
    assert ledger.begin(site.made[-1], "laterjob1", 1, claim, 1)
    site.server.query(f"DROP USER `{site.name}_s`@localhost")
