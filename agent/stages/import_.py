"""Stage import: tables, rows, late indexes, foreign keys, then views, triggers and routines; skips what exists."""

import threading
from functools import partial

from agent.database import collations, ledger, parallel
from agent.database.access import run as execute
from agent.database.importer import CONNECTIONS, Workers
from agent.database.patience import of_stage
from agent.database.tables import Tables
from shared.bundle import members_of
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Callable, List

    from agent.bundle.contents import Definition, Routine
    from agent.database.connection import OurConnection
    from agent.database.patience import Patience
    from agent.session.context import Context
    from shared.documents import Manifest

    Adapt = Callable[[str], str]
    Definitions = List[Definition]

NAME = "import"
#: Interval of the queries that check the connection with the lock, and keep it from timing out.
WATCH_SECONDS = 2.0


def run_once(ctx: "Context", patience: "Patience") -> None:
    """Import everything over one connection with the lock; `patience` (patience.Patience) is notified of each success.

    Raises ShoplaunchError when anything fails.
    """
    with ledger.locked(ctx) as connection:
        adapt = collations.mapper(collations.of_job(ctx, connection))
        tables: "Definitions" = ctx.read_json("tables", [])
        present = ledger.tables(connection)
        missing = [table for table in tables if table["name"] not in present]
        # Nobody else creates tables while we hold the lock: without any table, there are no later objects to look for
        is_new = 0 < len(tables) == len(missing)
        progress = Progress(ctx, len(missing), ledger.chunks_done(connection), patience)
        import_rows(
            ctx, connection, missing, adapt, Indexes(ctx, connection, tables, adapt, is_new, progress), progress
        )
        add_foreign_keys(ctx, connection, tables, adapt, is_new, progress)
        create_routines(ctx, connection, adapt, is_new, progress)


def run(ctx: "Context") -> None:
    """Import the database; safe to repeat. Raises ShoplaunchError."""
    patience = of_stage(ctx)
    patience.run(partial(run_once, ctx, patience))


def import_rows(
    ctx: "Context",
    connection: "OurConnection",
    missing: "Definitions",
    adapt: "Adapt",
    indexes: "Indexes",
    progress: "Progress",
) -> None:
    """Create the `missing` tables; import every data chunk exactly once, as soon as its tables exist; create the late
    indexes of a table as soon as its rows are complete."""
    tables = Tables(ctx.manifest, {table["name"]: adapt(table["create"]) for table in missing})
    done = progress.chunks_done
    waiting = [member for member in members_of(ctx.manifest, "data") if member["name"] not in done]
    workers = Workers(ctx, tables.chunks_in_order(waiting), tables, progress.rows, progress.patience)
    try:
        create_tables(ctx, connection, tables, workers.check, progress)
        workers.work_here()
        while workers.alive():
            workers.wait(WATCH_SECONDS)
            indexes.add(done.union(workers.finished()))
            if not ledger.holds_lock(connection, ctx.job["lock_name"]):
                raise ShoplaunchError("db_error", "the lock on the database was lost")
        workers.check()
    finally:
        workers.stop()
    indexes.add()


class Progress:
    """Progress from the number of `missing` tables and the imported rows; `chunks_done` (names) are imported already.
    It never decreases; `patience` (patience.Patience) is notified of every success."""

    def __init__(self, ctx: "Context", missing: int, chunks_done: "set[str]", patience: "Patience") -> None:
        self.chunks_done = chunks_done
        self.patience = patience
        self._ctx = ctx
        self._guard = threading.Lock()
        members = members_of(ctx.manifest, "data")
        self._made = 0.0 if missing else 1.0
        self._total = sum(member["size"] for member in members) or 1
        self._done = sum(member["size"] for member in members if member["name"] in chunks_done)
        self._least = 0.0

    def tables(self, fraction: float) -> None:
        """Report that `fraction` of the missing tables is created, or begun."""
        with self._guard:
            self._made = max(self._made, fraction)
            self._report()

    def rows(self, done: int) -> None:
        """Report that the rows of `done` more packed bytes are imported."""
        with self._guard:
            self._done += done
            self._report()

    def at_least(self, fraction: float) -> None:
        """Report that at least `fraction` of the stage is done."""
        with self._guard:
            self._least = max(self._least, fraction)
            self._report()

    def made(self) -> None:
        """Report another table, index, key or routine: a success for `patience`, and a sign of life."""
        self.patience.success()
        with self._guard:
            self._report()

    def _report(self) -> None:
        self._ctx.progress(NAME, max(self._least, 0.1 * self._made + 0.8 * self._done / self._total))


def create_tables(
    ctx: "Context", connection: "OurConnection", tables: "Tables", check: "Callable[[], None]", progress: "Progress"
) -> None:
    """Create all of `tables` (tables.Tables) without their late indexes; `progress` (Progress) is notified of each.

    Several are created in parallel, because the server mostly waits for its disk. A later agent waits for the end of
    the last statement (agent.database.ledger.kill_others). `check()` raises the error of another thread.
    """

    def make(name: str, statement: str, connection: "OurConnection") -> None:
        ctx.check_job_file()
        check()
        execute(connection, statement)
        tables.made(name)
        progress.made()

    # Without file locks another agent of this attempt may run: only the connection with the lock may create tables then
    others = CONNECTIONS if ctx.lock is None or ctx.lock.reliable else 0
    parallel.run(ctx, connection, [partial(make, *table) for table in tables.to_make()], progress.tables, others)
    progress.tables(1.0)


class Indexes:
    """The indexes that wait for their tables' rows; `progress` (Progress) is notified of each."""

    def __init__(
        self,
        ctx: "Context",
        connection: "OurConnection",
        tables: "Definitions",
        adapt: "Adapt",
        is_new: bool,
        progress: "Progress",
    ) -> None:
        self._ctx = ctx
        self._connection = connection
        self._adapt = adapt
        self._progress = progress
        self._waiting = {table["name"]: _late_of(table) for table in tables if table.get("late")}
        self._chunks = chunks_of_tables(ctx.manifest)
        self._present: "set[tuple[str, ...]]" = _present_indexes(connection) if self._waiting and not is_new else set()

    def add(self, chunks: "set[str] | None" = None) -> None:
        """Create the indexes of every table whose rows are all in `chunks` (names, None for all chunks)."""
        for table in list(self._waiting):
            if chunks is None or chunks.issuperset(self._chunks.get(table, (None,))):
                for name, statement in self._waiting.pop(table):
                    if (table, name) not in self._present:
                        self._ctx.check_current()
                        execute(self._connection, self._adapt(statement))
                        self._progress.made()


def _late_of(table: "Definition") -> "list[tuple[str, str]]":
    """Return [(index, statement that creates it)] for a table with late indexes."""
    names = table.get("late_index", [])
    names = [names] if isinstance(names, str) else names
    return list(zip(names, table["late"]))  # noqa: B905 - Python 3.6 has no `strict`


def chunks_of_tables(manifest: "Manifest") -> "dict[str, list[str]]":
    """Return table -> names of the chunks with its rows, for the tables that share no chunk with others."""
    left = {table["name"]: table["rows"] for table in manifest["tables"]}
    found: "dict[str, list[str]]" = {}
    for member in members_of(manifest, "data"):
        if member.get("table") in left:
            left[member["table"]] -= member["rows"]
            found.setdefault(member["table"], []).append(member["name"])
    return {table: names for table, names in found.items() if left[table] == 0}


def _present_indexes(connection: "OurConnection") -> "set[tuple[str, ...]]":
    rows = execute(
        connection,
        "SELECT DISTINCT table_name, index_name FROM information_schema.statistics WHERE table_schema=DATABASE()",
    )
    return set(rows)


def add_foreign_keys(
    ctx: "Context",
    connection: "OurConnection",
    tables: "Definitions",
    adapt: "Adapt",
    is_new: bool,
    progress: "Progress",
) -> None:
    """Create the foreign keys, which need all rows; `progress` (Progress) is notified of each."""
    if not any(table.get("foreign_keys") for table in tables):
        return
    keys = set() if is_new else _present_foreign_keys(connection)
    for table in tables:
        for name, statement in table.get("foreign_keys", []):
            if (table["name"], name) not in keys:
                ctx.check_current()
                execute(connection, adapt(statement))
                progress.made()


def _present_foreign_keys(connection: "OurConnection") -> "set[tuple[str, ...]]":
    rows = execute(
        connection,
        "SELECT table_name, constraint_name FROM information_schema.table_constraints"
        " WHERE table_schema=DATABASE() AND constraint_type='FOREIGN KEY'",
    )
    return set(rows)


def create_routines(
    ctx: "Context", connection: "OurConnection", adapt: "Adapt", is_new: bool, progress: "Progress"
) -> None:
    """Create views, triggers, procedures and functions; `progress` (Progress) is notified of each."""
    progress.at_least(0.95)
    present = set() if is_new else _present_routines(connection)
    routines: "list[Routine]" = ctx.read_json("routines", [])
    for routine in routines:
        if (routine["kind"], routine["name"]) not in present:
            ctx.check_current()
            create = ctx.renderer.render(adapt(routine["create"]).encode("utf-8")).decode("utf-8")
            execute(connection, create)
            progress.made()
    progress.at_least(1.0)


def _present_routines(connection: "OurConnection") -> "set[tuple[str, ...]]":
    rows = execute(
        connection,
        "SELECT 'view', table_name FROM information_schema.views WHERE table_schema=DATABASE()"
        " UNION ALL SELECT 'trigger', trigger_name FROM information_schema.triggers WHERE trigger_schema=DATABASE()"
        " UNION ALL SELECT LOWER(routine_type), routine_name FROM information_schema.routines"
        " WHERE routine_schema=DATABASE()",
    )
    return set(rows)
