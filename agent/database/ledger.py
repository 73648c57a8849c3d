"""The ledger in the target database: which attempt may write, which chunks are imported, which job owns the tables."""

import contextlib
import time

from agent.base import value_changes
from agent.database.access import change, close, run
from shared.bundle import ATTEMPT_TABLE, LEDGER_TABLE, members_of
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Any, Callable, Iterator

    from agent.database.access import Rows
    from agent.database.connection import OurConnection
    from agent.database.work import Chunk, Work
    from shared.documents import ValuesDigests

LOCK_SECONDS = 10
#: Pauses between two checks whether a killed connection has ended.
FIRST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.01, 0.2
DUPLICATE = 1062
UNKNOWN_THREAD = 1094
NO_SUCH_TABLE = 1146
#: The names of our own tables begin with this.
OWN_PREFIX = "shoplaunch_"

_CREATE = (
    "CREATE TABLE IF NOT EXISTS `{}` (id TINYINT NOT NULL PRIMARY KEY, job VARCHAR(40) NOT NULL,"
    " attempt INT UNSIGNED NOT NULL, values_database CHAR(64) NOT NULL, values_other CHAR(64) NOT NULL)"
    " ENGINE=InnoDB DEFAULT CHARSET=ascii".format(ATTEMPT_TABLE),
    "CREATE TABLE IF NOT EXISTS `{}` (chunk VARCHAR(190) NOT NULL PRIMARY KEY, attempt INT UNSIGNED NOT NULL,"
    " affected BIGINT UNSIGNED NOT NULL, sha256 CHAR(64) NOT NULL, at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)"
    " ENGINE=InnoDB DEFAULT CHARSET=ascii".format(LEDGER_TABLE),
)


@contextlib.contextmanager
def locked(ctx: "Work", inspect: "Callable[[OurConnection], None] | None" = None) -> "Iterator[OurConnection]":
    """Yield a connection that holds the job's lock, with this attempt entered in the ledger.

    A new connection is passed to `inspect(connection)` before anything is locked or changed. On success the connection
    is kept for the next stage (`kept`, `release`). Raises ShoplaunchError `superseded`, `db_locked`, `db_not_empty`,
    `db_*`.
    """
    connection = kept(ctx) or open_locked(ctx, inspect)
    try:
        yield connection
    except BaseException:
        close(connection)
        raise
    ctx.locked_connection = connection


def kept(ctx: "Work") -> "OurConnection | None":
    """Return the connection an earlier stage has kept, if it still holds the lock; else close it and return None."""
    connection = _taken(ctx)
    if connection is None:
        return None
    try:
        if holds_lock(connection, ctx.job["lock_name"]):
            return connection
    except ShoplaunchError as error:
        ctx.log.info("the connection with the lock is lost: %s", error.message)
    close(connection)
    return None


def release(ctx: "Work") -> None:
    """Release the lock, if a stage has kept it for the next one."""
    connection = _taken(ctx)
    if connection is not None:
        close(connection)


def _taken(ctx: "Work") -> "OurConnection | None":
    """Return the connection a stage has kept, and hand its ownership to the caller."""
    connection, ctx.locked_connection = ctx.locked_connection, None
    return connection


def open_locked(ctx: "Work", inspect: "Callable[[OurConnection], None] | None" = None) -> "OurConnection":
    """Return a connection that holds the job's lock, with this attempt in the ledger; `inspect` as for `locked`.

    The account's other connections are killed first: an earlier agent may still hold locks with them. Tables made
    with other values are dropped. Raises ShoplaunchError `superseded`, `db_locked`, `db_not_empty`, `db_*`.
    """
    connection = ctx.connect()
    try:
        if inspect is not None:
            inspect(connection)
        take_lock(connection, ctx)
        take_over(connection, ctx)
    except BaseException:
        close(connection)
        raise
    return connection


def open_for_shop(ctx: "Work") -> "OurConnection":
    """Return a connection that holds the job's lock, with this attempt in a ledger next to a finished shop's tables.

    None of the shop's tables is changed. Raises ShoplaunchError `superseded`, `db_locked`, `db_*`.
    """
    connection = ctx.connect()
    try:
        take_lock(connection, ctx)
        known = _not_newer(connection, ctx.job_id, ctx.attempt)
        if known is not None and known[0] != ctx.job_id:
            # Of an earlier job, which could not remove it when it was done
            drop_ledger(connection)
        for statement in _CREATE:
            run(connection, statement)
        _raise_attempt(connection, ctx.job_id, ctx.attempt, ctx.values_sha256)
    except BaseException:
        close(connection)
        raise
    return connection


def take_lock(connection: "OurConnection", ctx: "Work") -> None:
    """Take the job's lock on `connection` and end the other connections to this database.

    A holder is killed, unless it may be a working agent of this same attempt. Raises ShoplaunchError `db_locked`, and
    `superseded` before anything is killed: a leftover agent must not disturb the attempt that has taken over.
    """
    name = ctx.job["lock_name"]
    known = _not_newer(connection, ctx.job_id, ctx.attempt)
    if not _get_lock(connection, name, 0):
        older = known is None or known[0] != ctx.job_id or known[1] < ctx.attempt
        if ctx.lock is not None and not ctx.lock.reliable and not older:
            raise ShoplaunchError("db_locked", "an agent of this attempt holds the database")
        kill_others(connection)
        if not _get_lock(connection, name, LOCK_SECONDS):
            raise ShoplaunchError("db_locked", "the lock is still held after {} s".format(LOCK_SECONDS))
    # A killed agent's transactions stay open until the server notices
    kill_others(connection)


def _get_lock(connection: "OurConnection", name: str, seconds: float) -> bool:
    return bool(run(connection, "SELECT GET_LOCK(%s, %s)", (name, seconds))[0][0] == 1)


def kill_others(connection: "OurConnection") -> None:
    """End this user's other connections to this database; killing one's own threads needs no privilege.

    Afterwards none of their data definition statements is running: each has completed or never will. Raises
    ShoplaunchError `db_error` when one of them does not end, `db_*`.
    """
    mine = run(connection, "SELECT CONNECTION_ID(), DATABASE()")[0]
    killed = _others(connection, *mine)
    for number in killed:
        try:
            change(connection, "KILL {}".format(number))
        except ShoplaunchError as error:
            if error.details.get("number") != UNKNOWN_THREAD:
                raise
    until, pause = time.monotonic() + LOCK_SECONDS, FIRST_LOOK_SECONDS
    while killed and killed & _others(connection, *mine):
        if time.monotonic() > until:
            raise ShoplaunchError("db_error", "killed connections are there after {} s".format(LOCK_SECONDS))
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_LOOK_SECONDS)


def _others(connection: "OurConnection", own_number: int, database: str) -> "set[int]":
    """Return the connection ids of this user's connections to `database` except `own_number`, as a set."""
    user = connection.user.decode("utf-8")
    rows = run(connection, "SHOW PROCESSLIST")
    return {int(row[0]) for row in rows if row[0] != own_number and row[1] == user and row[3] == database}


def holds_lock(connection: "OurConnection", name: str) -> bool:
    """Return whether `connection` still holds the lock `name`; also keeps it alive. Raises ShoplaunchError `db_*`."""
    return bool(run(connection, "SELECT IS_USED_LOCK(%s) = CONNECTION_ID()", (name,))[0][0] == 1)


def recorded(connection: "OurConnection") -> "tuple[str, int, ValuesDigests] | None":
    """Return (job, attempt, {"database", "other"}) from the attempt table, None without that table or its row."""
    try:
        rows = run(connection, "SELECT job, attempt, values_database, values_other FROM `{}`".format(ATTEMPT_TABLE))
    except ShoplaunchError as error:
        if error.details.get("number") != NO_SUCH_TABLE:
            raise
        return None
    if not rows:
        return None
    job, attempt, database, other = rows[0]
    return job, attempt, {"database": database, "other": other}


def _not_newer(connection: "OurConnection", job_id: str, attempt: int) -> "tuple[str, int, ValuesDigests] | None":
    """Return `recorded(connection)`. Raises ShoplaunchError `superseded` when it names a newer attempt of this job."""
    known = recorded(connection)
    if known is not None and known[0] == job_id and known[1] > attempt:
        raise ShoplaunchError("superseded", "the database belongs to attempt {}".format(known[1]))
    return known


def check_own_tables(connection: "OurConnection", job_id: str) -> None:
    """Raise ShoplaunchError `db_not_empty` for a database that holds anything this job did not make.

    A shop with a ledger of another job counts as foreign, too: it may be finished, with its ledger left over.
    """
    known = recorded(connection)
    if known is not None and known[0] == job_id:
        return
    foreign = sorted(name for name in tables(connection) if not name.startswith(OWN_PREFIX))
    foreign += [name for _, name in routines(connection)]
    if foreign:
        whose = "" if known is None else " of job {}".format(known[0])
        message = "it holds {} tables or routines{}, {} first".format(len(foreign), whose, foreign[0])
        raise ShoplaunchError("db_not_empty", message)


def take_over(connection: "OurConnection", ctx: "Work") -> None:
    """Enter this attempt in the ledger, creating it when absent; drop what was imported with other values."""
    check_own_tables(connection, ctx.job_id)
    known = _not_newer(connection, ctx.job_id, ctx.attempt)
    if known is not None and known[0] != ctx.job_id:
        drop_ledger(connection)
        known = None
    outcome = value_changes.decide(known and known[2], _digests(ctx))
    if outcome == value_changes.ZERO:
        drop_everything(connection, ctx.job_id, ctx.attempt)
    for statement in _CREATE:
        run(connection, statement)
    if outcome == value_changes.RENDER:
        # Settings may contain database values; rows of the template never do
        for member in members_of(ctx.manifest, "configure"):
            change(connection, "DELETE FROM `{}` WHERE chunk = %s".format(LEDGER_TABLE), (member["name"],))
    _raise_attempt(connection, ctx.job_id, ctx.attempt, _digests(ctx))


def _digests(ctx: "Work") -> "ValuesDigests":
    """Return the digests the tables depend on, {"database", "other"}: `other` covers the bundle as well."""
    values = ctx.values_sha256
    other = sha256_hex((values["other"] + ctx.job["bundle"]["manifest_sha256"]).encode("ascii"))
    return {"database": values["database"], "other": other}


def _raise_attempt(connection: "OurConnection", job_id: str, attempt: int, values: "ValuesDigests") -> None:
    change(
        connection,
        "REPLACE INTO `{}` (id, job, attempt, values_database, values_other) VALUES (1, %s, %s, %s, %s)".format(
            ATTEMPT_TABLE
        ),
        (job_id, attempt, values["database"], values["other"]),
    )


def void(connection: "OurConnection") -> None:
    """Make the next attempt start from zero, whatever its values."""
    change(connection, "UPDATE `{}` SET values_other = ''".format(ATTEMPT_TABLE))


def begin(connection: "OurConnection", job_id: str, attempt: int, member: "Chunk", affected: int) -> bool:
    """Begin the transaction of chunk `member`; roll back and return False when the chunk is imported already.

    The attempt is checked first, and the chunk's row is inserted before any data. Raises ShoplaunchError `superseded`,
    `db_*`.
    """
    change(connection, b"BEGIN")
    rows = run(connection, "SELECT job, attempt FROM `{}` WHERE id = 1 LOCK IN SHARE MODE".format(ATTEMPT_TABLE))
    if not rows or tuple(rows[0]) != (job_id, attempt):
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


@contextlib.contextmanager
def chunk(ctx: "Work", connection: "OurConnection", member: "Chunk", affected: int) -> "Iterator[bool]":
    """Enclose the transaction of chunk `member`; yield whether it is to be imported, False when it is imported already.

    It is committed at the end, and rolled back on an exception: the next BEGIN on this connection would commit what it
    finds. Raises ShoplaunchError `superseded`, `db_*`.
    """
    if not begin(connection, ctx.job_id, ctx.attempt, member, affected):
        yield False
        return
    try:
        yield True
    except BaseException:
        _roll_back(connection)
        raise
    change(connection, b"COMMIT")


def _roll_back(connection: "OurConnection") -> None:
    """Roll back a transaction that has failed; where that fails, too, close the connection, which does the same."""
    try:
        change(connection, b"ROLLBACK")
    except ShoplaunchError:
        close(connection)


def chunks_done(connection: "OurConnection") -> "set[str]":
    """Return the names of the imported chunks, as a set."""
    return {row[0] for row in run(connection, "SELECT chunk FROM `{}`".format(LEDGER_TABLE))}


def tables(connection: "OurConnection") -> "dict[str, str]":
    """Return the database's tables, name -> "BASE TABLE" or "VIEW"."""
    rows: "Any" = run(
        connection, "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema=DATABASE()"
    )
    return dict(rows)


def routines(connection: "OurConnection") -> "Rows":
    """Return the database's procedures and functions as (kind, name) pairs."""
    return run(
        connection,
        "SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema=DATABASE()",
    )


def drop_everything(connection: "OurConnection", job_id: str, attempt: int) -> None:
    """Drop every table, view and routine if the database is this job's, our own tables last; safe to repeat.

    Agents of attempts before `attempt` are locked out first. Raises ShoplaunchError `superseded`, `db_*`.
    """
    known = _not_newer(connection, job_id, attempt)
    if known is None or known[0] != job_id:
        return
    kill_others(connection)
    # Without digests: after an interruption here, the next attempt starts from zero too
    _raise_attempt(connection, job_id, attempt, {"database": "", "other": ""})
    for name, kind in sorted(tables(connection).items()):
        if name not in (ATTEMPT_TABLE, LEDGER_TABLE):
            run(connection, "DROP {} IF EXISTS `{}`".format("VIEW" if kind == "VIEW" else "TABLE", _quoted(name)))
    for kind, name in routines(connection):
        run(connection, "DROP {} IF EXISTS `{}`".format(kind, _quoted(name)))
    drop_ledger(connection)


def drop_ledger(connection: "OurConnection") -> None:
    """Drop the ledger's own tables, the attempt table last: as long as it exists, the database is ours."""
    for name in (LEDGER_TABLE, ATTEMPT_TABLE):
        run(connection, "DROP TABLE IF EXISTS `{}`".format(name))


def _quoted(name: str) -> str:
    return name.replace("`", "``")
