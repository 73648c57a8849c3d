"""Parallel import of chunks, each exactly once, whatever happens to its connections meanwhile."""

import threading
from contextlib import suppress

import pymysql

from agent.database import importer, ledger
from agent.database.access import change, close, run
from agent.stages import import_
from tests.integration.agent_work.database.site import MANY, Barrier


def until(condition, worker):
    """Wait for `condition()`; fail when `worker` (Thread) ends without it."""
    while not (found := condition()):
        assert worker.is_alive(), "it ended before"
        # InnoDB's tables stay as they were for who asks again within a tenth of a second
        worker.join(0.3)
    return found


def importing(site):
    """Return a thread that imports the site's chunks."""
    worker = threading.Thread(target=import_.run, args=(site.attempt(1),), daemon=True)
    worker.start()
    return worker


def complete(site, worker, chunks):
    """Return whether the import comes to its end, each of `chunks` chunks of one row being there once."""
    worker.join(300)
    assert not worker.is_alive()
    assert site.query("SELECT COUNT(*), COUNT(DISTINCT id) FROM many") == ((chunks, chunks),)
    return site.query("SELECT COUNT(*) FROM shoplaunch_ledger") == ((chunks,),)


def test_parallel_connections_bring_every_chunk_exactly_once(site, monkeypatch):
    monkeypatch.setattr(importer, "CONNECTIONS", 4)
    site.tables(MANY)
    for number in range(40):
        values = ",".join(f"({number * 50 + n},'row {n}')" for n in range(50))
        site.chunk(number, f"INSERT INTO `many` VALUES {values};\n", 50)
    import_.run(site.attempt(1))
    assert site.query("SELECT COUNT(*), COUNT(DISTINCT id) FROM many") == ((2000, 2000),)
    assert site.query("SELECT COUNT(*), SUM(affected) FROM shoplaunch_ledger") == ((40, 2000),)


FULL = "CREATE TABLE `full` (`id` int NOT NULL, `name` varchar(50) NOT NULL, PRIMARY KEY (`id`)) ENGINE=InnoDB"


def with_late_index(site, rows):
    """The site's bundle has a table `full` of `rows` rows, whose index comes late, and a table `many`."""
    late = {"late": ["ALTER TABLE `full` ADD KEY `name` (`name`)"], "late_index": ["name"]}
    plain = {"late": [], "late_index": []}
    entries = [{"name": "full", "create": FULL, **late}, {"name": "many", "create": MANY, **plain}]
    site.member("db/tables.json.gz", "tables", [{**entry, "foreign_keys": []} for entry in entries])
    site.manifest["tables"] = [{"name": "full", "rows": rows}, {"name": "many", "rows": 1}]


def has_index(site):
    return bool(site.query("SHOW INDEX FROM `full` WHERE Key_name = 'name'"))


def test_a_table_gets_its_late_index_as_soon_as_it_has_its_rows(site):
    with_late_index(site, 2)
    barrier = Barrier(site)
    barrier.chunk(0)
    for number in (1, 2):
        chunk = site.chunk(number, f"INSERT INTO `full` VALUES ({number},'row');\n", 1)
        chunk["table"] = "full"
    worker = importing(site)
    until(lambda: "full" in site.names() and has_index(site) and barrier.waiting(), worker)
    barrier.open()
    worker.join(300)
    assert not worker.is_alive() and has_index(site)


def test_rows_that_share_a_chunk_with_others_are_waited_for(site):
    with_late_index(site, 2)
    site.chunk(0, "INSERT INTO `full` VALUES (1,'row');\n", 1)["table"] = "full"
    site.chunk(1, "INSERT INTO `full` VALUES (2,'row');\nINSERT INTO `many` VALUES (0,'row');\n", 2)
    assert import_.chunks_of_tables(site.manifest) == {}
    import_.run(site.attempt(1))
    assert has_index(site)


def test_a_chunk_of_a_table_nobody_lists_is_no_reason_to_stop():
    chunk = {"kind": "data", "name": "db/data/0001.sql.gz", "table": "unlisted", "rows": 1}
    assert import_.chunks_of_tables({"tables": [], "members": [chunk]}) == {}


def test_losing_the_lock_connection_stops_the_others_and_the_import_goes_on(site, monkeypatch):
    monkeypatch.setattr(import_, "WATCH_SECONDS", 0.1)
    site.tables(MANY)
    barrier = Barrier(site)
    for number in range(4):
        site.chunk(number, f"INSERT INTO `many` VALUES ({number},'at once');\n", 1)
    barrier.chunk(4)
    barrier.chunk(5)
    opened = []
    real = ledger.open_locked

    def remember(*arguments):
        opened.append(real(*arguments))
        return opened[-1]

    monkeypatch.setattr(ledger, "open_locked", remember)
    worker = importing(site)
    until(lambda: len(barrier.waiting()) == 2, worker)
    site.server.query(f"KILL {opened[0].thread_id()}")
    barrier.open()
    assert complete(site, worker, 6)
    assert len(opened) == 2


def test_no_chunk_begins_once_the_lock_is_lost(site, monkeypatch):
    monkeypatch.setattr(import_, "WATCH_SECONDS", 0.1)
    site.tables(MANY)
    barrier = Barrier(site)
    barrier.chunk(0)
    barrier.chunk(1)
    for number in range(2, 12):
        site.chunk(number, f"INSERT INTO `many` VALUES ({number},'later');\n", 1)
    opened, done, stopping = [], [], threading.Event()
    open_locked, stop = ledger.open_locked, importer.Workers.stop

    def opening(*arguments):
        if opened:
            done.append(site.query("SELECT COUNT(*) FROM shoplaunch_ledger")[0][0])
        opened.append(open_locked(*arguments))
        return opened[-1]

    def stopped(workers):
        stopping.set()
        stop(workers)

    monkeypatch.setattr(ledger, "open_locked", opening)
    monkeypatch.setattr(importer.Workers, "stop", stopped)
    worker = importing(site)
    until(lambda: len(barrier.waiting()) == 2, worker)
    site.server.query(f"KILL {opened[0].thread_id()}")
    noticed = stopping.wait(30)
    barrier.open()
    assert complete(site, worker, 12)
    assert noticed and done[0] < 12


def test_killed_connections_cost_no_chunk(site):
    site.tables(MANY)
    barrier = Barrier(site)
    for number in range(6):
        barrier.chunk(number)
    worker = importing(site)
    for _ in range(8):
        victim = until(barrier.waiting, worker)[0]
        with suppress(pymysql.err.OperationalError):
            # It may just have ended by itself
            site.server.query(f"KILL {victim}")
        until(lambda victim=victim: victim not in barrier.waiting(), worker)
    barrier.open()
    assert complete(site, worker, 6)


def test_a_deadlock_costs_no_chunk(site):
    site.tables(MANY)
    site.chunk(1, "INSERT INTO `many` VALUES (1,'one');\nINSERT INTO `many` VALUES (2,'two');\n", 2)
    holder = ledger.open_locked(site.attempt(1))
    run(holder, MANY)
    close(holder)
    rival = site.server.root_connection(site.name)
    rival.begin()
    # With more to undo than the chunk has, the chunk is the one that is rolled back
    rows = ",".join(f"({number},'rival')" for number in range(2, 300))
    change(rival, f"INSERT INTO many VALUES {rows}".encode())
    worker = importing(site)
    until(lambda: site.server.query("SELECT 1 FROM information_schema.innodb_lock_waits"), worker)
    change(rival, b"INSERT INTO many VALUES (1,'rival')")
    rival.rollback()
    rival.close()
    worker.join(300)
    assert site.query("SELECT id, name FROM many ORDER BY id") == ((1, "one"), (2, "two"))
    assert site.query("SELECT affected FROM shoplaunch_ledger") == ((2,),)
