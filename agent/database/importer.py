"""Imports data chunks over parallel connections: each in one transaction of the ledger, repeated on any error."""

import contextlib
import queue
import threading
import time
from functools import partial

from agent.bundle.inflate import unpack_member
from agent.database import ledger
from agent.database.access import change, close
from agent.database.patience import Patience
from shared.bundle import CHUNK_UNPACKED_BYTES
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Callable, ContextManager, Iterator, Sequence

    from agent.database.connection import OurConnection
    from agent.database.tables import Tables
    from agent.database.work import Work
    from shared.documents import Member

CONNECTIONS = 2
#: Least time between two durable notes of the counters.
NOTE_SECONDS = 1.0


def import_chunk(ctx: "Work", connection: "OurConnection", member: "Member") -> bool:
    """Import the data chunk `member` unless it is imported already; return whether it was imported now.

    Raises ShoplaunchError `superseded`, `proof_rows_affected`, `db_*`, `bundle_*`.
    """
    lines = _lines(_text_of(ctx, member))
    with ledger.chunk(ctx, connection, member, member["rows"]) as is_new:
        if not is_new:
            return False
        sent = _send(ctx, connection, member, lines)
    ctx.count("sql_bytes", sent)
    ctx.count("chunks_sent", 1)
    return True


def _send(ctx: "Work", connection: "OurConnection", member: "Member", lines: "Iterator[bytes]") -> int:
    """Run the statements of `member`, which `lines` are the templates of; return the bytes sent."""
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
        raise ShoplaunchError(
            "proof_rows_affected",
            "{}: {} rows instead of {}, {} warnings".format(member["name"], rows, member["rows"], warnings),
        )
    return sent


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


class _Worker:
    """The connection of one worker: opened with `connect` when it is needed, closed after a failure."""

    def __init__(self, connect: "Callable[[], OurConnection]") -> None:
        self._connect = connect
        self._connection: "OurConnection | None" = None

    @contextlib.contextmanager
    def connected(self) -> "Iterator[OurConnection]":
        """Yield the connection; close it on an exception. Raises ShoplaunchError `db_*`."""
        try:
            self._connection = self._connection or self._connect()
            yield self._connection
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
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
        worker = _Worker(self._ctx.connect)
        patience = Patience(self._check, self._patience)
        try:
            for member in iter(self._next, None):
                self._wait_for_tables(worker, member, patience)
                patience.run(partial(self._import, worker, member))
                patience.success()
                self._note(member)
        except Exception as error:  # noqa: BLE001 - passed to the stage, which raises it
            self._fail(error)
        finally:
            worker.close()
            with self._guard:
                self._ended += 1
            self._news.set()

    def _next(self) -> "Member | None":
        """Return the next waiting chunk, None when none is left."""
        try:
            return self._waiting.get_nowait()
        except queue.Empty:
            return None

    def _wait_for_tables(self, worker: "_Worker", member: "Member", patience: "Patience") -> None:
        self._check()
        if not self._tables.are_there(member):
            # A long wait must not occupy a connection, and does not count as a failure
            worker.close()
            self._tables.wait_for(member, self._check)
            patience.success()

    def _import(self, worker: "_Worker", member: "Member") -> None:
        self._check()
        with worker.connected() as connection, self._alone_if_large(member):
            import_chunk(self._ctx, connection, member)

    def _alone_if_large(self, member: "Member") -> "ContextManager[object]":
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
