"""Rows come in while other tables are still made; whatever fails on either side ends both, and costs no chunk."""

import itertools
import threading
import time

import pytest

from agent.database import importer, ledger, patience
from agent.database.access import run
from agent.database.tables import Tables
from agent.stages import import_
from shared.errors import ShoplaunchError
from tests.integration.agent_work.database.site import MANY
from tests.integration.agent_work.database.test_parallel_import import complete, importing, until
from tests.support.error_codes import error_code

LATER = [f"CREATE TABLE `later{number}` (`id` int NOT NULL PRIMARY KEY) ENGINE=InnoDB" for number in range(6)]
SECONDS = 60


def chunks(site, numbers, table="many"):
    """The bundle has chunks of one row each for `many`, marked as those of `table` alone."""
    for number in numbers:
        site.chunk(number, f"INSERT INTO `many` VALUES ({number},'row');\n", 1)["table"] = table


def making(monkeypatch, before):
    """Call `before(statement)` before each table is made."""

    def execute(connection, statement, *more):
        if statement.startswith("CREATE TABLE"):
            before(statement)
        return run(connection, statement, *more)

    monkeypatch.setattr(import_, "execute", execute)


def committed(site):
    return site.query("SELECT COUNT(*) FROM shoplaunch_ledger")[0][0]


def test_rows_of_a_table_come_in_before_the_others_are_there(site, monkeypatch):
    seen = []

    def before(statement):
        if "later0" in statement:
            done = threading.Event()
            for _ in range(20 * SECONDS):
                if committed(site) == 4:
                    seen.append(site.names())
                    return
                done.wait(0.05)

    making(monkeypatch, before)
    site.tables(*LATER[:1], MANY)
    chunks(site, range(4))
    import_.run(site.attempt(1))
    assert seen and "later0" not in seen[0]
    assert "later0" in site.names()


def test_a_chunk_of_several_tables_comes_when_all_are_there(site, monkeypatch):
    begun = []
    begin = ledger.begin
    monkeypatch.setattr(ledger, "begin", lambda *given: (begun.append(site.names()), begin(*given))[1])
    site.tables(MANY, *LATER)
    site.chunk(1, "INSERT INTO `many` VALUES (1,'row');\n", 1)
    import_.run(site.attempt(1))
    assert [len(names & {f"later{number}" for number in range(6)}) for names in begun] == [6]


def test_a_table_that_cannot_be_made_ends_the_wait_for_it(site, monkeypatch):
    waiting = threading.Event()
    wait_for = Tables.wait_for
    monkeypatch.setattr(Tables, "wait_for", lambda *given: (waiting.set(), wait_for(*given)))
    making(monkeypatch, lambda statement: "broken" in statement and waiting.wait(SECONDS))
    site.tables(MANY, "CREATE TABLE `broken` (`id` int NOT NULL nonsense)")
    chunks(site, range(3))
    chunks(site, range(3, 6), table="broken")
    assert error_code(import_.run, site.attempt(1)) == "db_data_error"
    assert waiting.is_set()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith(("import-", "parallel"))]


def test_a_chunk_that_fails_permanently_ends_the_creation_of_tables(site, monkeypatch):
    failed = threading.Event()
    real = importer.Workers._fail
    monkeypatch.setattr(importer.Workers, "_fail", lambda *given: (real(*given), failed.set()))
    making(monkeypatch, lambda statement: "later" in statement and failed.wait(SECONDS))
    site.tables(MANY, *LATER)
    site.chunk(1, "INSERT INTO `many` VALUES (1,'one',2);\n", 1)["table"] = "many"
    assert error_code(import_.run, site.attempt(1)) == "db_data_error"
    # Those that were begun, over three connections at most
    assert len(site.names() & {f"later{number}" for number in range(6)}) <= 3


def test_losing_the_lock_while_tables_are_made_costs_no_chunk(site, monkeypatch):
    opened, going = [], threading.Event()
    real = ledger.open_locked

    def remember(*arguments):
        opened.append(real(*arguments))
        return opened[-1]

    monkeypatch.setattr(ledger, "open_locked", remember)
    making(monkeypatch, lambda statement: "later" in statement and going.wait(SECONDS))
    site.tables(MANY, *LATER)
    chunks(site, range(8))
    worker = importing(site)
    until(lambda: "many" in site.names() and committed(site) == 8, worker)
    site.server.query(f"KILL {opened[0].thread_id()}")
    going.set()
    assert complete(site, worker, 8)
    assert len(opened) == 2 and {f"later{number}" for number in range(6)} <= site.names()


def test_a_worker_that_waits_for_tables_keeps_no_connection_and_has_not_failed(site, monkeypatch):
    """However long that takes: the server closes connections that say nothing."""
    waited, clock, looks = [], [0.0], itertools.count()

    def sleep(seconds):
        clock[0] += seconds

    class Slowly:
        def are_there(self, member):
            return member["table"] == "many" or bool(waited)

        def wait_for(self, member, check):
            check()
            users = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = %s"
            while site.server.query(users, site.user)[0][0] > 1:
                assert next(looks) < 1200, "it keeps its connection"
                time.sleep(0.05)
            clock[0] += 10 * patience.PATIENCE_SECONDS
            waited.append(member)

    failures = [ShoplaunchError("db_unreachable", "2006 the server has gone away")]
    chunk = importer.import_chunk

    def failing(ctx, connection, member):
        if waited and failures:
            raise failures.pop()
        return chunk(ctx, connection, member)

    by_that_clock(monkeypatch, lambda: clock[0], sleep)
    monkeypatch.setattr(importer, "import_chunk", failing)
    monkeypatch.setattr(importer, "CONNECTIONS", 1)
    holder = site.take(1)
    run(holder, MANY)
    chunks(site, [1])
    chunks(site, [2], table="later")
    workers = importer.Workers(site.attempt(1), site.manifest["members"], Slowly(), lambda size: None)
    while workers.alive():
        workers.wait(1.0)
    workers.check()
    assert len(waited) == 1 and not failures and committed(site) == 2


def by_that_clock(monkeypatch, clock, sleep):
    """Everybody's patience goes by `clock()` and `sleep(seconds)`."""

    class Patience(patience.Patience):
        def __init__(self, check, others=None, on_waiting=None):
            super().__init__(check, others, clock=clock, sleep=sleep, on_waiting=on_waiting)

    monkeypatch.setattr(importer, "Patience", Patience)
    monkeypatch.setattr(patience, "Patience", Patience)


def test_a_worker_that_gets_no_connection_while_tables_are_made_has_not_failed(site, monkeypatch):
    """Few connections, and tables that take longer than anybody waits in vain."""
    clock, inside, made, last = [0.0], [], [], time.monotonic() + SECONDS

    def sleep(seconds):
        assert time.monotonic() < last, "they wait and wait"
        # What the server takes for the statement itself is not to count
        clock[0] += seconds if inside or len(made) == len(LATER) else 0.0
        time.sleep(0.001)

    def slowly(statement):
        if "later" in statement:
            inside.append(statement)
            end = clock[0] + 0.7 * patience.PATIENCE_SECONDS
            while clock[0] < end:
                assert time.monotonic() < last, "nobody tries any more"
                time.sleep(0.001)
            inside.remove(statement)
            made.append(statement)

    def few():
        if threading.current_thread().name.startswith("import-") and len(made) < len(LATER):
            raise ShoplaunchError("db_busy", "1226 too many connections")
        return connect()

    by_that_clock(monkeypatch, lambda: clock[0], sleep)
    making(monkeypatch, slowly)
    site.tables(MANY, *LATER)
    chunks(site, range(2))
    ctx = site.attempt(1)
    connect = ctx.connect
    monkeypatch.setattr(ctx, "connect", few)
    import_.run(ctx)
    assert clock[0] > patience.PATIENCE_SECONDS and committed(site) == 2


def put_one_of_each(site):
    """The bundle has a table with rows, an index and a key, and two views."""
    key = "ALTER TABLE `many` ADD CONSTRAINT `own` FOREIGN KEY (`id`) REFERENCES `many` (`id`)"
    late = {"late": ["ALTER TABLE `many` ADD KEY `names` (`name`)"], "late_index": ["names"]}
    site.member(
        "db/tables.json.gz", "tables", [{"name": "many", "create": MANY, **late, "foreign_keys": [["own", key]]}]
    )
    views = [{"kind": "view", "name": name, "create": f"CREATE VIEW `{name}` AS SELECT * FROM `many`"} for name in "ab"]
    site.member("db/routines.json.gz", "routines", views)
    chunks(site, range(1))


def test_what_lasts_longer_than_anybody_waits_in_vain_is_tried_again_where_others_came_through(site, monkeypatch):
    """Rows, an index, a key and two views, each of which fails at first after a long time."""
    clock, failing = (
        [0.0],
        ["INSERT", "ALTER TABLE `many` ADD KEY", "ALTER TABLE `many` ADD CON", "CREATE VIEW `a`", "CREATE VIEW `b`"],
    )
    chunk = importer.import_chunk

    def sleep(seconds):
        clock[0] += seconds

    def now():
        # No clock stands still
        sleep(0.001)
        return clock[0]

    def lasting(statement):
        if failing and statement.startswith(failing[0]):
            clock[0] += 2 * patience.PATIENCE_SECONDS
            failing.pop(0)
            raise ShoplaunchError("db_unreachable", "2013 the connection was lost")

    def execute(connection, statement, *more):
        lasting(statement)
        return run(connection, statement, *more)

    monkeypatch.setattr(import_, "execute", execute)
    monkeypatch.setattr(importer, "import_chunk", lambda *given: (lasting("INSERT"), chunk(*given))[1])
    by_that_clock(monkeypatch, now, sleep)
    put_one_of_each(site)
    import_.run(site.attempt(1))
    assert not failing and {"a", "b"} <= site.names()
    assert site.query("SELECT COUNT(*) FROM b")[0][0] == 1
    assert site.query("SHOW KEYS FROM many WHERE Key_name = 'names'")
    assert "own" in site.query("SHOW CREATE TABLE many")[0][1]


@pytest.mark.parametrize("threads", [0, 1])
def test_where_there_can_be_few_threads_rows_come_all_the_same(site, monkeypatch, threads):
    start, left = threading.Thread.start, [threads]

    def starting(thread):
        if thread.name.startswith("import-"):
            left[0] -= 1
            if left[0] < 0:
                raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", starting)
    site.tables(MANY, *LATER)
    chunks(site, range(3))
    site.chunk(3, "INSERT INTO `many` VALUES (3,'row');\n", 1)
    import_.run(site.attempt(1))
    assert committed(site) == 4
