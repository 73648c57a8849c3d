"""Fetches a bundle in one or several requests, resumes after an interruption, and never mixes two files."""

import os
import re
import stat
import time

from agent.base.plain_files import is_there, open_plain
from agent.bundle.source import EXPIRED
from agent.reporting.downloads import LEAST_RATE, Pace
from agent.reporting.http import BROKEN, RETRY_STATUSES, Answer, Backoff
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from http.client import HTTPMessage
    from typing import Any, BinaryIO, Callable

    from agent.bundle.source import Source
    from agent.reporting.downloads import Download

PIECE_BYTES = 256 * 1024
#: Fetching continues while enough arrives; when it falls this far behind, it fails (the next tick resumes).
FETCH_IDLE_SECONDS = 120.0
#: A request that brings less, without reaching the end, counts as a failed one.
ARRIVED_BYTES = 64 * 1024
#: Between two checks for the controller's answer while little arrives.
LOOK_SECONDS = 1.0
_ENDED = "the connection ended early"
_SLOW = "it sends less than it has to"
_LESS = "the server sent less than the bundle"
_MORE = "the fetched bundle is longer than the job says"
#: A Part's stream is open only within `with`.
_CLOSED: "Any" = None
_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)\Z")
_LENGTH = re.compile(r"[0-9]{1,18}\Z")


def fetch(
    source: "Source",
    target: str,
    check: "Callable[[], None] | None" = None,
    progress: "Callable[[float], None] | None" = None,
    idle_seconds: float = FETCH_IDLE_SECONDS,
    sleep: "Callable[[float], None]" = time.sleep,
) -> None:
    """Fetch the bundle of `source` to `target` (path), resuming where an interrupted fetch stopped.

    Raises ShoplaunchError `bundle_missing` when nothing arrives for `idle_seconds` or the server refuses (of an object
    store `bundle_store_failed`), `bundle_slow` when too little arrives, `bundle_damaged` when more arrives than the job
    says, `superseded` and `cancelled` when the controller says so; OSError.
    """
    pinned = source.pinned
    part = Part("{}.{}".format(target, pinned["manifest_sha256"][:16]))
    backoff = Backoff()
    pace = Pace(idle_seconds)
    with part:
        stream = part.stream
        while stream.tell() < pinned["size"]:
            before = stream.tell()
            problem, retry_after = _fetch_some(source, part, check, progress)
            # Bytes received again after a restart do not count as progress
            arrived = max(0, stream.tell() - before)
            pace.arrived(arrived, part.rate)
            if problem and pace.is_too_slow():
                raise _given_up(source, problem, part)
            if arrived >= ARRIVED_BYTES:
                backoff.reset()
            if problem:
                sleep(backoff.next_delay(retry_after))
        if stream.tell() > pinned["size"]:
            part.begin_anew()
            raise ShoplaunchError("bundle_damaged", _MORE)
        stream.flush()
        os.fsync(stream.fileno())
    part.finish(target)


def _given_up(source: "Source", problem: str, part: "Part") -> "ShoplaunchError":
    """Return the error for a fetch that has fallen too far behind."""
    if problem != _SLOW:
        return source.failure(problem)
    message = "{}: less than {} bytes a second; {} of {} bytes are here".format(
        source.place, part.rate, part.stream.tell(), source.pinned["size"]
    )
    return ShoplaunchError("bundle_slow", message)


class Part:
    """The received part in `<base>.part`, and the ETag of the file it came from in `<base>.etag.part`.

    A file that has changed is fetched from its beginning; without an ETag the file is assumed to be the same.
    """

    def __init__(self, base: str) -> None:
        self._path = base + ".part"
        self._mark_path = base + ".etag.part"
        self.stream: "BinaryIO" = _CLOSED
        #: Accepted bytes per second.
        self.rate = LEAST_RATE

    def __enter__(self) -> "Part":
        if is_there(self._path) and not stat.S_ISREG(os.lstat(self._path).st_mode):
            # Opening a pipe would block, and a link would be followed
            os.unlink(self._path)
        self.stream = open(self._path, "ab")
        return self

    def __exit__(self, *_failure: object) -> None:
        self.stream.close()

    def condition(self) -> "dict[str, str]":
        """Return the header by which the next request gets no part of another file."""
        mark = self._mark()
        return {"If-Range": mark} if mark and self.stream.tell() else {}

    def begin_anew(self, mark: "str | None" = None) -> None:
        """Discard what has arrived; the following bytes belong to the file with `mark` (its strong ETag, or None)."""
        self.stream.seek(0)
        self.stream.truncate()
        if is_there(self._mark_path):
            os.unlink(self._mark_path)
        if mark and mark.startswith('"'):
            # The ETag is stored before the bytes, so that they are never taken for those of another file
            with open(self._mark_path, "w") as stream:
                stream.write(mark)
                stream.flush()
                os.fsync(stream.fileno())

    def finish(self, target: str) -> None:
        """Rename the complete file to `target`."""
        os.replace(self._path, target)
        if is_there(self._mark_path):
            os.unlink(self._mark_path)

    def _mark(self) -> "str | None":
        try:
            descriptor = open_plain(self._mark_path)
            if descriptor is None:
                return None
            with os.fdopen(descriptor) as stream:
                return stream.read(1024)
        except (FileNotFoundError, UnicodeDecodeError):
            return None


def _fetch_some(
    source: "Source",
    part: "Part",
    check: "Callable[[], None] | None",
    progress: "Callable[[float], None] | None",
) -> "tuple[str | None, float | None]":
    """Append what one request brings to `part`; return (problem, None when it reached the end; seconds the server asks
    to wait, or None)."""
    if check is not None:
        check()
    offset = part.stream.tell()
    try:
        response = source.get(offset, part.condition())
    except ShoplaunchError as error:
        if error.code != "bundle_missing":
            raise
        return error.message, None
    with response:
        status = response.status
        if source.token is not None:
            part.rate = response.promised_rate()
        if status == 200:
            return _fetch_whole(response, source, part, check, progress), None
        if status == 206:
            if not _is_rest(response.headers, offset, source.pinned["size"]):
                return "the server sent another part than asked for", None
        elif status == 416:
            part.begin_anew()
            return "the server's file is shorter than what arrived", None
        else:
            return _refused(source, status, response.headers)
        source.works()
        return _copy(response, part, source.pinned["size"], check, progress), None


def _is_rest(headers: "HTTPMessage", offset: int, size: int) -> bool:
    """Return whether the answer says that it is the rest from `offset` on, and of no file of another size."""
    match = _RANGE.match(headers.get("Content-Range", ""))
    return match is not None and int(match.group(1)) == offset and match.group(2) in ("*", str(size))


def _fetch_whole(
    response: "Download",
    source: "Source",
    part: "Part",
    check: "Callable[[], None] | None",
    progress: "Callable[[float], None] | None",
) -> "str | None":
    """Put what an answer from the first byte on brings in place of `part`; return the problem like _fetch_some.

    It is the first request, a changed file, or a server that does not resume. An error as a page, or another file, ends
    too early: it is never taken for the bundle's beginning, and what came before stays.
    """
    size, length = source.pinned["size"], _length(response.headers)
    if length is not None and length < size:
        return _LESS
    if length is not None and length > size:
        raise ShoplaunchError("bundle_damaged", _MORE)
    piece, problem = _next_piece(response) if length is None else (b"", None)
    if problem is not None and len(piece) < size:
        return _LESS if problem == _ENDED else problem
    part.begin_anew(response.headers.get("ETag"))
    part.stream.write(piece)
    source.works()
    if problem is None:
        problem = _copy(response, part, size, check, progress)
    if problem == _ENDED and length is None:
        part.begin_anew()
        return _LESS
    return problem


def _length(headers: "HTTPMessage") -> "int | None":
    """Return how many bytes the answer says that it has."""
    length = headers.get("Content-Length", "")
    return int(length) if _LENGTH.match(length) else None


def _refused(source: "Source", status: int, headers: "HTTPMessage") -> "tuple[str | None, float | None]":
    """Return the problem and the wait like _fetch_some, or raise when waiting cannot help."""
    if source.token is not None:
        source.judge(status)
    if source.is_store and status in EXPIRED:
        # Only a new address is asked for again at once
        return source.renew("the store answered {}".format(status)), None
    if status in RETRY_STATUSES:
        return "the server answered {}".format(status), Answer(status, headers, b"").retry_after()
    raise source.failure("the bundle's server answered {}".format(status))


def _copy(
    response: "Download",
    part: "Part",
    size: int,
    check: "Callable[[], None] | None",
    progress: "Callable[[float], None] | None",
) -> "str | None":
    problem: "str | None" = None
    stream = part.stream
    while problem is None and stream.tell() <= size:
        piece, problem = _next_piece(response)
        stream.write(piece)
        if check is not None:
            check()
        if progress is not None:
            progress(min(1.0, stream.tell() / float(size)))
    return None if problem == _ENDED and stream.tell() >= size else problem


def _next_piece(response: "Download") -> "tuple[bytes, str | None]":
    """Return (bytes, why no more follow, or None): a whole piece, or what arrived within LOOK_SECONDS."""
    pieces: "list[bytes]" = []
    problem: "str | None" = None
    left, end = PIECE_BYTES, time.monotonic() + LOOK_SECONDS
    try:
        while left and time.monotonic() < end and problem is None:
            pieces.append(response.read(left))
            left -= len(pieces[-1])
            problem = None if pieces[-1] else _ENDED
    except BROKEN as error:
        problem = _SLOW if response.is_too_slow() else "the connection broke ({})".format(type(error).__name__)
    return b"".join(pieces), problem
