"""Fetches a bundle in one or several requests, resumes after an interruption, and never mixes two files."""

import os
import re
import stat
import time

from agent.base.plain_files import open_plain
from agent.reporting.downloads import LEAST_RATE, Pace
from agent.reporting.http import BROKEN, RETRY_STATUSES, Answer, Backoff, safe_address
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from http.client import HTTPMessage
    from typing import Any, BinaryIO, Callable

    from agent.reporting.downloads import Download
    from agent.reporting.http import HttpClient
    from shared.documents import PinnedBundle

PIECE_BYTES = 256 * 1024
#: Fetching continues while enough arrives; when it falls this far behind, it fails (the next tick resumes).
FETCH_IDLE_SECONDS = 120.0
#: A request that brings less, without reaching the end, counts as a failed one.
ARRIVED_BYTES = 64 * 1024
#: Between two checks for the controller's answer while little arrives.
LOOK_SECONDS = 1.0
_ENDED = "the connection ended early"
_SLOW = "it sends less than it has to"
#: A Part's stream is open only within `with`.
_CLOSED: "Any" = None
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)\Z")


class Source:
    """The server of a bundle: `pinned` (of the job) says where and what, `token` (str) is sent with each request."""

    __slots__ = ("_client", "pinned", "token")

    def __init__(self, pinned: "PinnedBundle", client: "HttpClient", token: "str | None" = None) -> None:
        self.pinned = pinned
        self.token = token
        self._client = client

    def get(self, part: "Part") -> "Download":
        """Return the open Download of what `part` lacks. Raises ShoplaunchError like http.HttpClient.get_from."""
        return self._client.get_from(self.pinned["url"], part.stream.tell(), part.headers(), self.pinned["size"] + 1)


def fetch(
    source: "Source",
    target: str,
    check: "Callable[[], None] | None" = None,
    progress: "Callable[[float], None] | None" = None,
    idle_seconds: float = FETCH_IDLE_SECONDS,
    sleep: "Callable[[float], None]" = time.sleep,
) -> None:
    """Fetch the bundle of `source` to `target` (path), resuming where an interrupted fetch stopped.

    Raises ShoplaunchError `bundle_missing` when nothing arrives for `idle_seconds` or the server refuses, `bundle_slow`
    when too little arrives, `bundle_damaged` when more arrives than the job says, `superseded` and `cancelled` when the
    controller says so; OSError.
    """
    pinned = source.pinned
    part = Part("{}.{}".format(target, pinned["manifest_sha256"][:16]), source.token)
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
                raise _given_up(pinned, problem, part)
            if arrived >= ARRIVED_BYTES:
                backoff.reset()
            if problem:
                sleep(backoff.next_delay(retry_after))
        if stream.tell() > pinned["size"]:
            part.begin_anew()
            raise ShoplaunchError("bundle_damaged", "the fetched bundle is longer than the job says")
        stream.flush()
        os.fsync(stream.fileno())
    part.finish(target)


def _given_up(pinned: "PinnedBundle", problem: str, part: "Part") -> "ShoplaunchError":
    """Return the error for a fetch that has fallen too far behind."""
    where = safe_address(pinned["url"])
    if problem != _SLOW:
        return ShoplaunchError("bundle_missing", "{}: {}".format(where, problem))
    message = "{}: less than {} bytes a second; {} of {} bytes are here".format(
        where, part.rate, part.stream.tell(), pinned["size"]
    )
    return ShoplaunchError("bundle_slow", message)


class Part:
    """The received part in `<base>.part`, and the ETag of the file it came from in `<base>.etag.part`.

    A file that has changed is fetched from its beginning; without an ETag the file is assumed to be the same.
    """

    def __init__(self, base: str, token: "str | None" = None) -> None:
        self._path = base + ".part"
        self._mark_path = base + ".etag.part"
        self._token = token
        self.stream: "BinaryIO" = _CLOSED
        #: Accepted bytes per second.
        self.rate = LEAST_RATE

    def __enter__(self) -> "Part":
        if os.path.lexists(self._path) and not stat.S_ISREG(os.lstat(self._path).st_mode):
            # Opening a pipe would block, and a link would be followed
            os.unlink(self._path)
        self.stream = open(self._path, "ab")
        return self

    def __exit__(self, *_failure: object) -> None:
        self.stream.close()

    @property
    def is_from_controller(self) -> bool:
        """Return whether the server is the controller, which got the token."""
        return self._token is not None

    def headers(self) -> "dict[str, str]":
        """Return the headers of the next request."""
        headers = {"Authorization": "Bearer " + self._token} if self._token else {}
        mark = self._mark()
        if mark and self.stream.tell():
            headers["If-Range"] = mark
        return headers

    def begin_anew(self, mark: "str | None" = None) -> None:
        """Discard what has arrived; the following bytes belong to the file with `mark` (its strong ETag, or None)."""
        self.stream.seek(0)
        self.stream.truncate()
        if os.path.lexists(self._mark_path):
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
        if os.path.lexists(self._mark_path):
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
        response = source.get(part)
    except ShoplaunchError as error:
        if error.code != "bundle_missing":
            raise
        return error.message, None
    with response:
        status = response.status
        if part.is_from_controller:
            part.rate = response.promised_rate()
        if status == 200:
            # The first request, a changed file, or a server that does not resume
            part.begin_anew(response.headers.get("ETag"))
        elif status == 206:
            match = _RANGE.match(response.headers.get("Content-Range", ""))
            if match is None or int(match.group(1)) != offset:
                return "the server sent another part than asked for", None
        elif status == 416:
            part.begin_anew()
            return "the server's file is shorter than what arrived", None
        else:
            return _refused(status, response.headers, part.is_from_controller)
        return _copy(response, part, source.pinned["size"], check, progress), None


def _refused(status: int, headers: "HTTPMessage", by_controller: bool) -> "tuple[str, float | None]":
    """Return the problem and the wait like _fetch_some, or raise when waiting cannot help."""
    if by_controller and status == 409:
        raise ShoplaunchError("superseded", "the controller names a newer attempt")
    if by_controller and status == 410:
        raise ShoplaunchError("cancelled", "the job was cancelled")
    if status in RETRY_STATUSES:
        return "the server answered {}".format(status), Answer(status, headers, b"").retry_after()
    raise ShoplaunchError("bundle_missing", "the bundle's server answered {}".format(status))


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
