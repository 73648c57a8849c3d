"""Entries of the log: text of others, in messages and in errors, neither begins a line nor commands a terminal."""

from __future__ import annotations

import json
import logging
import threading
import time
import traceback
from collections.abc import Iterator
from types import TracebackType

from controller.telemetry.job_at_hand import job_at_hand, job_of
from shared.plain_lines import escaped

LOG = logging.getLogger(__name__)
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
#: How entries are written.
TEXT, JSON = "text", "json"
_CAUSED = "The above exception was the direct cause of the following exception:"
_MEANWHILE = "During handling of the above exception, another exception occurred:"
_INDENT = "    "
#: By this process.
_written = TEXT

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class EntryFormatter(logging.Formatter):
    """Writes each entry's message on one line; the traceback below it has lines, an error's text has none."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the entry; what another formatter has made of the record's error is not used."""
        if record.exc_info:
            record.exc_text = None
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the entry's first line."""
        record.message = escaped(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: ExceptionInfo) -> str:
        """Return the traceback of an error and of those before it."""
        if ei[1] is None:
            return "NoneType: None"
        return "\n".join(_lines(traceback.TracebackException(*ei, compact=True)))


class JsonFormatter(EntryFormatter):
    """Writes each entry as one line of JSON in ASCII: no text begins another. It names the job its thread works on, or
    in which its error arose."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        entry: dict[str, object] = {
            "at": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (job := job_at_hand() or job_of(record.exc_info[1] if record.exc_info else None)) is not None:
            entry |= {"job": job.job, "server": job.server, "attempt": job.attempt}
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def formatter(plain: str, moment: str | None = None) -> EntryFormatter:
    """Return what writes entries as this process does: as `plain` says, its times as `moment` does, unless in JSON."""
    return JsonFormatter() if _written == JSON else EntryFormatter(plain, moment)


def _lines(error: traceback.TracebackException) -> Iterator[str]:
    """Yield the lines of an error and of the errors it came from, the first of them first."""
    chain: list[tuple[traceback.TracebackException, str]] = []
    one: traceback.TracebackException | None = error
    link = ""
    while one is not None:
        chain.append((one, link))
        link = _CAUSED if one.__cause__ is not None else _MEANWHILE
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    for found, before in reversed(chain):
        yield from _own_lines(found)
        if before:
            yield from ("", before, "")


def _own_lines(error: traceback.TracebackException) -> Iterator[str]:
    if error.stack:
        yield "Traceback (most recent call last):"
        for frame in error.stack.format():
            yield from map(escaped, frame.rstrip("\n").split("\n"))
    first, *more = (escaped(part.rstrip("\n")) for part in error.format_exception_only())
    yield first
    # Notes, and the place of a syntax error, do not begin with what an entry begins with
    yield from (line if line.startswith(" ") else _INDENT + line for line in more)
    for part in error.exceptions or ():
        yield from (_INDENT + line for line in _lines(part))


def begin(written: str = TEXT) -> None:
    """Log to standard error, as a service does: also how a thread ended. A second call changes how it is `written`."""
    global _written
    _written = written
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(FORMAT))
    # It does nothing where somebody logs already, such as an earlier call
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for known in logging.getLogger().handlers:
        if isinstance(known.formatter, EntryFormatter):
            known.setFormatter(formatter(FORMAT))
    logging.getLogger("alembic").setLevel(logging.WARNING)
    threading.excepthook = _thread_ended


def begin_plain() -> None:
    """What a command logs at a terminal without a log of its own is its messages alone."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(EntryFormatter())


def _thread_ended(how: threading.ExceptHookArgs) -> None:
    if how.exc_value is not None and not isinstance(how.exc_value, SystemExit):
        name = how.thread.name if how.thread is not None else "unknown"
        LOG.critical("thread %s has ended", name, exc_info=(how.exc_type, how.exc_value, how.exc_traceback))
