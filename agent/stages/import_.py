"""Stage import: tables, rows, late indexes, foreign keys, then views, triggers and routines – all by looking first."""

from agent import collations, ledger
from agent.database import close
from agent.database import run as execute
from agent.importer import Patience, Workers
from shared.bundle import members_of
from shared.errors import ShoplaunchError

NAME = "import"
#: The connection that holds the lock is asked this often; it also keeps it from timing out.
WATCH_SECONDS = 2.0


def run_once(ctx):
    """Import everything over one lock connection. Raises ShoplaunchError when that or anything else fails."""
    connection = ledger.open_locked(ctx)
    try:
        adapt = collations.mapper(collations.choose(connection, ctx.manifest["collations"]))
        tables = ctx.read_json("tables")
        create_tables(ctx, connection, tables, adapt)
        import_rows(ctx, connection)
        add_late(ctx, connection, tables, adapt)
        create_routines(ctx, connection, adapt)
    finally:
        close(connection)


def run(ctx):
    """Import the database; safe to repeat. Raises ShoplaunchError."""
    patience = Patience(ctx.check_current)
    while True:
        sent = ctx.counters.get("chunks_sent", 0)
        try:
            run_once(ctx)
            return
        except ShoplaunchError as error:
            if ctx.counters.get("chunks_sent", 0) > sent:
                patience.success()
            patience.failure(error)


def create_tables(ctx, connection, tables, adapt):
    """Every table is there, without its late indexes."""
    present = ledger.tables(connection)
    for number, table in enumerate(tables):
        if table["name"] not in present:
            ctx.check_job_file()
            execute(connection, adapt(table["create"]))
        if number % 25 == 0:
            ctx.check_current()
            ctx.progress(NAME, 0.1 * number / len(tables))


def import_rows(ctx, connection):
    """Every data chunk is in its tables, each exactly once."""
    members = members_of(ctx.manifest, "data")
    done = ledger.chunks_done(connection)
    waiting = [member for member in members if member["name"] not in done]
    total = sum(member["size"] for member in members)
    workers = Workers(ctx, waiting, total - sum(member["size"] for member in waiting), total)
    try:
        while workers.alive():
            workers.join(WATCH_SECONDS / 2)
            if not ledger.holds_lock(connection, ctx.job["lock_name"]):
                raise ShoplaunchError("db_error", "the lock on the database was lost")
        workers.check()
    finally:
        workers.stop()


def add_late(ctx, connection, tables, adapt):
    """Indexes and foreign keys that wait for the rows are there."""
    indexes = set(
        execute(
            connection,
            "SELECT DISTINCT table_name, index_name FROM information_schema.statistics WHERE table_schema=DATABASE()",
        )
    )
    keys = set(
        execute(
            connection,
            "SELECT table_name, constraint_name FROM information_schema.table_constraints"
            " WHERE table_schema=DATABASE() AND constraint_type='FOREIGN KEY'",
        )
    )
    for table in tables:
        names = table.get("late_index", [])
        names = [names] if isinstance(names, str) else names
        for name, statement in zip(names, table.get("late", [])):  # noqa: B905 - 3.6 knows no strict
            if (table["name"], name) not in indexes:
                ctx.check_current()
                execute(connection, adapt(statement))
    for table in tables:
        for name, statement in table.get("foreign_keys", []):
            if (table["name"], name) not in keys:
                ctx.check_current()
                execute(connection, adapt(statement))
    ctx.progress(NAME, 0.95)


def create_routines(ctx, connection, adapt):
    """Views, triggers, procedures and functions are there."""
    present = _present_routines(connection)
    for routine in ctx.read_json("routines"):
        if (routine["kind"], routine["name"]) not in present:
            ctx.check_current()
            create = ctx.renderer.render(adapt(routine["create"]).encode("utf-8")).decode("utf-8")
            execute(connection, create)
    ctx.progress(NAME, 1.0)


def _present_routines(connection):
    rows = execute(
        connection,
        "SELECT 'view', table_name FROM information_schema.views WHERE table_schema=DATABASE()"
        " UNION ALL SELECT 'trigger', trigger_name FROM information_schema.triggers WHERE trigger_schema=DATABASE()"
        " UNION ALL SELECT LOWER(routine_type), routine_name FROM information_schema.routines"
        " WHERE routine_schema=DATABASE()",
    )
    return set(rows)
