"""Imports data chunks over parallel connections: each in one transaction, repeated from BEGIN on any error."""

import contextlib
import queue
import threading
import time

from agent.bundle.inflate import unpack_member
from agent.database import ledger
from agent.database.access import change, close
from shared.bundle import CHUNK_UNPACKED_BYTES
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Any, Callable, ContextManager, Iterator, Sequence

    from agent.database.connection import OurConnection
    from agent.database.tables import Tables
    from agent.database.work import Work
    from shared.documents import Member

#: How long a run retries without any success; then the next tick continues. Less than lock.HUNG_SECONDS.
PATIENCE_SECONDS = 540.0
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
CONNECTIONS = 2
#: Least time between two durable notes of the counters.
NOTE_SECONDS = 1.0
#: Errors worth an immediate retry: the database is running, another transaction was in the way.
TRANSIENT = ("db_error", "db_unreachable", "db_busy", "db_socket_foreign")
#: Time without success before it is reported: an account may have few connections, all in use elsewhere.
QUIET_SECONDS = 60.0


class Patience:
    """Retry pauses that grow until something succeeds; gives up after PATIENCE_SECONDS without success.

    A success is passed on to `others` (another Patience), and its successes count here: other connections may get what
    this one is refused. `tell(error)` is called once when nothing has succeeded for a while.
    """

    def __init__(
        self,
        check: "Callable[[], None]",
        others: "Patience | None" = None,
        seconds: float = PATIENCE_SECONDS,
        clock: "Callable[[], float]" = time.monotonic,
        sleep: "Callable[[float], None]" = time.sleep,
        tell: "Callable[[ShoplaunchError], None] | None" = None,
    ) -> None:
        self._check = check
        self._tell = tell
        self._others = others
        self._seconds = seconds
        self._clock = clock
        self._sleep = sleep
        self._begin()

    def _begin(self) -> None:
        self.since = self._clock()
        self._is_told = False
        self._pause = FIRST_PAUSE_SECONDS

    def success(self) -> None:
        """Note a success: the pauses start anew."""
        self._begin()
        if self._others is not None:
            self._others.success()

    def failure(self, error: "ShoplaunchError") -> None:
        """Wait before the next try. Raises `error` when it is not transient or has lasted too long."""
        since = self.since if self._others is None else max(self.since, self._others.since)
        waited = self._clock() - since
        if error.code not in TRANSIENT or waited > self._seconds:
            raise error
        if self._tell is not None and waited > QUIET_SECONDS and not self._is_told:
            self._is_told = True
            self._tell(error)
        until = self._clock() + self._pause
        while self._clock() < until:
            self._check()
            self._sleep(min(0.5, max(0.01, until - self._clock())))
        self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)


def import_chunk(ctx: "Work", connection: "OurConnection", member: "Member") -> bool:
    """Import the data chunk `member` unless it is imported already; return whether it was imported now.

    Raises ShoplaunchError `superseded`, `proof_rows_affected`, `db_*`, `bundle_*`.
    """
    lines = _lines(_text_of(ctx, member))
    if not ledger.begin(connection, ctx.job_id, ctx.attempt, member, member["rows"]):
        return False
    rows = warnings = sent = 0
    # Split before it is filled: a line end in a value must not end a statement
    for template in lines:
        statement = ctx.renderer.render(template)
        # Keeps fewer copies of a large row in memory
        del template
        sent += len(statement)
        affected, warned = change(connection, statement)
        rows += affected
        warnings += warned
    if rows != member["rows"] or warnings:
        change(connection, b"ROLLBACK")
        raise ShoplaunchError(
            "proof_rows_affected",
            "{}: {} rows instead of {}, {} warnings".format(member["name"], rows, member["rows"], warnings),
        )
    change(connection, b"COMMIT")
    ctx.count("sql_bytes", sent)
    ctx.count("chunks_sent", 1)
    return True


def _text_of(ctx: "Work", member: "Member") -> "bytes | bytearray":
    packed = ctx.bundle.read(member)
    ctx.count("bytes_read", len(packed))
    return unpack_member(packed, member)


def _lines(text: "bytes | bytearray") -> "Iterator[bytes]":
    """Yield the non-empty lines of `text` (bytes-like) as bytes, one by one; keep no reference to them, and release
    the text before its last line is used."""
    line: "list[bytes]" = []
    start = 0
    while start < len(text):
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        if end > start:
            line.append(bytes(memoryview(text)[start:end]))
        start = end + 1
        if start >= len(text):
            text = b""
        if line:
            yield line.pop()


def _close(connection: "OurConnection | None") -> None:
    """Close `connection`, if there is one."""
    if connection is not None:
        close(connection)


class Workers:
    """Threads that import the chunks `members`, each over its own connection; any failure stops all of them.

    A chunk waits until its tables exist (`tables`, an agent.database.tables.Tables). `done(bytes)` is called after each
    import; `patience` (Patience) exchanges successes with other parts of the stage. Where the account allows fewer
    threads, fewer do all the work; without any, the caller of `work_here` does it.
    """

    def __init__(
        self,
        ctx: "Work",
        members: "Sequence[Member]",
        tables: "Tables",
        done: "Callable[[int], None]",
        patience: "Patience | None" = None,
    ) -> None:
        self._ctx = ctx
        self._patience = patience
        self._tables = tables
        self._done = done
        self._waiting: "queue.Queue[Member]" = queue.Queue()
        for member in members:
            self._waiting.put(member)
        self._stopped = threading.Event()
        self._large = threading.Lock()
        self._guard = threading.Lock()
        self._news = threading.Event()
        self._finished: "list[str]" = []
        self._failure: "Exception | None" = None
        self._counted_at = time.monotonic()
        self._threads: "list[threading.Thread]" = []
        self._ended = 0
        try:
            for number in range(min(CONNECTIONS, len(members))):
                thread = threading.Thread(target=self._run, name="import-{}".format(number))
                thread.start()
                self._threads.append(thread)
        except RuntimeError as error:
            ctx.log.info("%d threads import: %s", len(self._threads), error)

    def work_here(self) -> None:
        """Import the waiting chunks in the calling thread, if no other thread could start."""
        if not self._threads:
            self._run()

    def alive(self) -> bool:
        """Return whether any thread is still working."""
        with self._guard:
            return self._ended < len(self._threads)

    def wait(self, seconds: float) -> None:
        """Wait up to `seconds` for another chunk, or the last thread's end. Raises the first failure."""
        self._news.wait(seconds)
        self._news.clear()
        self.check()

    def finished(self) -> "list[str]":
        """Return the names of the chunks imported so far."""
        with self._guard:
            return list(self._finished)

    def check(self) -> None:
        """Raise the first failure, if any."""
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """End the threads after their current statement."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _check(self) -> None:
        if self._stopped.is_set():
            raise ShoplaunchError("db_error", "the import was stopped")
        self._ctx.check_current()

    def _run(self) -> None:
        connection: "OurConnection | None" = None
        patience = Patience(self._check, self._patience)
        member: "Member | None" = None
        try:
            while True:
                try:
                    member = member or self._waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    self._check()
                    if not self._tables.are_there(member):
                        # A long wait must not occupy a connection, and does not count as a failure
                        _close(connection)
                        connection = None
                        self._tables.wait_for(member, self._check)
                        patience.success()
                    connection = connection or self._ctx.connect()
                    with self._alone_if_large(member):
                        import_chunk(self._ctx, connection, member)
                except ShoplaunchError as error:
                    _close(connection)
                    connection = None
                    patience.failure(error)
                    continue
                patience.success()
                self._note(member)
                member = None
        except Exception as error:  # noqa: BLE001 - passed to the stage, which raises it
            self._fail(error)
        finally:
            _close(connection)
            with self._guard:
                self._ended += 1
            self._news.set()

    def _alone_if_large(self, member: "Member") -> "ContextManager[Any]":
        """Import chunks with one large row one at a time: memory is small, and such a row is held three times."""
        return self._large if member.get("unpacked", 0) > CHUNK_UNPACKED_BYTES else contextlib.ExitStack()

    def _note(self, member: "Member") -> None:
        with self._guard:
            self._finished.append(member["name"])
            due = time.monotonic() - self._counted_at > NOTE_SECONDS
            if due:
                self._counted_at = time.monotonic()
        if due:
            self._ctx.state.add_counters(self._ctx.take_counters())
        self._done(member["size"])
        self._news.set()

    def _fail(self, error: Exception) -> None:
        with self._guard:
            if self._failure is None and not self._stopped.is_set():
                self._failure = error
        self._stopped.set()
