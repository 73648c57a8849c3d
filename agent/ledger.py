"""The ledger in the target database: which attempt may write, which chunks are there, whose the tables are."""

from agent import attempt as attempts
from agent.database import change, close, run
from shared.bundle import ATTEMPT_TABLE, LEDGER_TABLE
from shared.errors import ShoplaunchError

LOCK_SECONDS = 10
DUPLICATE = 1062
#: Tables of ours begin with this.
OWN_PREFIX = "shoplaunch_"

_CREATE = (
    "CREATE TABLE IF NOT EXISTS `{}` (id TINYINT NOT NULL PRIMARY KEY, job VARCHAR(40) NOT NULL,"
    " attempt INT UNSIGNED NOT NULL, values_database CHAR(64) NOT NULL, values_other CHAR(64) NOT NULL)"
    " ENGINE=InnoDB DEFAULT CHARSET=ascii".format(ATTEMPT_TABLE),
    "CREATE TABLE IF NOT EXISTS `{}` (chunk VARCHAR(190) NOT NULL PRIMARY KEY, attempt INT UNSIGNED NOT NULL,"
    " affected BIGINT UNSIGNED NOT NULL, sha256 CHAR(64) NOT NULL, at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)"
    " ENGINE=InnoDB DEFAULT CHARSET=ascii".format(LEDGER_TABLE),
)


def open_locked(ctx):
    """Return a connection that holds the job's lock, with this attempt raised in the ledger.

    The account's other connections are killed first: an earlier agent may still hold locks with them. Tables of
    other values or another job are dropped. Raises ShoplaunchError `superseded`, `db_locked`, `db_*`.
    """
    connection = ctx.connect()
    try:
        kill_others(connection)
        if run(connection, "SELECT GET_LOCK(%s, %s)", (ctx.job["lock_name"], LOCK_SECONDS))[0][0] != 1:
            raise ShoplaunchError("db_locked")
        take_over(connection, ctx)
    except BaseException:
        close(connection)
        raise
    return connection


def kill_others(connection):
    """End every other connection of this database user; killing one's own threads needs no privilege."""
    mine = run(connection, "SELECT CONNECTION_ID()")[0][0]
    for row in run(connection, "SHOW PROCESSLIST"):
        # The database user is the shop's alone, and without PROCESS only its threads are listed
        if row[0] != mine and row[1] == connection.user.decode("utf-8"):
            try:
                change(connection, "KILL {}".format(int(row[0])))
            except ShoplaunchError as error:
                # 1094: it ended by itself meanwhile
                if error.details.get("number") != 1094:
                    raise


def holds_lock(connection, name):
    """Tell whether `connection` still holds the lock `name`; also keeps it alive. Raises ShoplaunchError `db_*`."""
    return run(connection, "SELECT IS_USED_LOCK(%s) = CONNECTION_ID()", (name,))[0][0] == 1


def take_over(connection, ctx):
    """Raise this attempt in the ledger, making it when absent; drop what was imported with other values."""
    for statement in _CREATE:
        run(connection, statement)
    wanted = ctx.values_sha256
    rows = run(connection, "SELECT job, attempt, values_database, values_other FROM `{}`".format(ATTEMPT_TABLE))
    if rows:
        job, attempt, database, other = rows[0]
        if job == ctx.job_id and attempt > ctx.attempt:
            raise ShoplaunchError("superseded", "the database belongs to attempt {}".format(attempt))
        recorded = {"database": database, "other": other}
        outcome = attempts.decide(recorded, wanted) if job == ctx.job_id else attempts.ZERO
        if outcome == attempts.ZERO:
            drop_everything(connection)
            for statement in _CREATE:
                run(connection, statement)
        elif outcome == attempts.RENDER:
            # Settings may hold database values; rows of the template never do
            members = [member["name"] for member in ctx.manifest["members"] if member["kind"] == "configure"]
            for name in members:
                change(connection, "DELETE FROM `{}` WHERE chunk = %s".format(LEDGER_TABLE), (name,))
    change(
        connection,
        "REPLACE INTO `{}` (id, job, attempt, values_database, values_other) VALUES (1, %s, %s, %s, %s)".format(
            ATTEMPT_TABLE
        ),
        (ctx.job_id, ctx.attempt, wanted["database"], wanted["other"]),
    )


def void(connection):
    """The next attempt is to start at zero, whatever its values."""
    change(connection, "UPDATE `{}` SET values_other = ''".format(ATTEMPT_TABLE))


def begin(connection, attempt, member, affected):
    """Begin the transaction of chunk `member`; False (and rolled back) when the chunk is there already.

    The fence comes first, the claim before any data. Raises ShoplaunchError `superseded`, `db_*`.
    """
    change(connection, b"BEGIN")
    rows = run(connection, "SELECT attempt FROM `{}` WHERE id = 1 LOCK IN SHARE MODE".format(ATTEMPT_TABLE))
    if not rows or rows[0][0] != attempt:
        change(connection, b"ROLLBACK")
        raise ShoplaunchError("superseded", "the database belongs to another attempt")
    try:
        change(
            connection,
            "INSERT INTO `{}` (chunk, attempt, affected, sha256) VALUES (%s, %s, %s, %s)".format(LEDGER_TABLE),
            (member["name"], attempt, affected, member["sha256"]),
        )
    except ShoplaunchError as error:
        if error.details.get("number") != DUPLICATE:
            raise
        change(connection, b"ROLLBACK")
        return False
    return True


def chunks_done(connection):
    """Return the names of the chunks that are there, as a set."""
    return {row[0] for row in run(connection, "SELECT chunk FROM `{}`".format(LEDGER_TABLE))}


def tables(connection):
    """Return the database's tables, name -> "BASE TABLE" or "VIEW"."""
    rows = run(connection, "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema=DATABASE()")
    return dict(rows)


def drop_everything(connection):
    """Every table, view and routine is gone if the database is ours (it holds our attempt table); ours go last."""
    found = tables(connection)
    if ATTEMPT_TABLE not in found:
        return
    kill_others(connection)
    for name, kind in sorted(found.items()):
        if name not in (ATTEMPT_TABLE, LEDGER_TABLE):
            run(connection, "DROP {} IF EXISTS `{}`".format("VIEW" if kind == "VIEW" else "TABLE", _quoted(name)))
    routines = run(
        connection,
        "SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema=DATABASE()",
    )
    for kind, name in routines:
        run(connection, "DROP {} IF EXISTS `{}`".format(kind, _quoted(name)))
    drop_ledger(connection)


def drop_ledger(connection):
    """The ledger's own tables are gone; the attempt table last: as long as it is there, the database is ours."""
    for name in (LEDGER_TABLE, ATTEMPT_TABLE):
        run(connection, "DROP TABLE IF EXISTS `{}`".format(name))


def _quoted(name):
    return name.replace("`", "``")
