"""The lock file that ensures a single writer: who holds it, and taking it over from a hung or older holder."""

import errno
import fcntl
import json
import os
import signal
import stat
import time

from agent.base.compat import process_owner, process_start
from agent.base.state import boot_id
from shared.errors import ShoplaunchError
from shared.job import LOCK_FILE

MYPY = False
if MYPY:
    from agent.base.log import Log
    from agent.session.records import Holder

#: A holder without progress for this long counts as hung.
HUNG_SECONDS = 600.0
#: Time a killed holder may take to end.
RELEASE_SECONDS = 10.0
RECORD_BYTES = 1024
#: Errors of flock where it does not work (network file systems).
UNSUPPORTED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


class Lock:
    """The held lock. Every helper inherits `descriptor`; `reliable` is False where flock fails.

    Without a reliable lock the database lock decides: `db_locked` then means that another agent works. `is_first` says
    that nobody held this very file before: any earlier agent held another file, and may still be running.
    """

    def __init__(self, path: str, descriptor: int, reliable: bool, record: "Holder", is_first: bool = True) -> None:
        self.path = path
        self.descriptor = descriptor
        self.reliable = reliable
        self.is_first = is_first
        self._record = record
        self.touch()

    def touch(self) -> None:
        """Note progress now."""
        self._record["progress"] = time.monotonic()
        self._write()

    def add_helper(self, pid: int) -> None:
        """Note helper process `pid`, so that an agent that takes over can end it, too."""
        self._record["processes"].append((pid, process_start(pid)))
        self._write()

    def _write(self) -> None:
        text = json.dumps(self._record).encode("ascii").ljust(RECORD_BYTES - 1) + b"\n"
        try:
            os.pwrite(self.descriptor, text, 0)
        except OSError as error:
            # The lock is held even so; the work itself fails on a full disk, and reports it
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise

    @property
    def file_id(self) -> "list[int]":
        """The identity that `is_replaced` compares, a list of numbers."""
        return _file_id(os.fstat(self.descriptor))

    def release(self) -> None:
        """Release the lock; the file stays."""
        os.close(self.descriptor)


def is_replaced(folder: str, file_id: "list[int]") -> bool:
    """Return whether another file has replaced the held lock file in `folder` (Lock.file_id): another agent works."""
    try:
        return _file_id(os.lstat(os.path.join(folder, LOCK_FILE))) != file_id
    except FileNotFoundError:
        return False


def _file_id(found: "os.stat_result") -> "list[int]":
    return [found.st_dev, found.st_ino]


def acquire(
    folder: str, job: "str | None", attempt: int, hung_seconds: float = HUNG_SECONDS, log: "Log | None" = None
) -> "Lock | None":
    """Return the held Lock in `folder` for `job` (id) and `attempt`, or None when another agent rightly holds it.

    A holder of another job or an older attempt, one without progress for `hung_seconds`, and helpers without a parent
    are killed first, if user id and start time match. Raises ShoplaunchError `db_locked` when a killed holder does not
    end; OSError.
    """
    path = os.path.join(folder, LOCK_FILE)
    deadline = time.monotonic() + RELEASE_SECONDS
    while True:
        descriptor = _opened(path)
        outcome = _try_lock(path, descriptor)
        if outcome == "moved":
            os.close(descriptor)
            continue
        holder = read_holder(descriptor)
        if outcome == "locked" or (outcome == "unsupported" and not _alive(holder)):
            return Lock(path, descriptor, outcome == "locked", _new_record(job, attempt), is_first=not holder)
        os.close(descriptor)
        if not may_take_over(holder, job, attempt, hung_seconds):
            return None
        if time.monotonic() > deadline:
            raise ShoplaunchError("db_locked", "the former agent was killed but does not end")
        _kill(holder, log)
        time.sleep(0.05)


def _opened(path: str) -> int:
    """Return a descriptor of the lock file, creating it if absent. Raises OSError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
    except OSError as error:
        if error.errno not in (errno.ENXIO, errno.ELOOP):
            raise
    # A pipe, a socket or a link cannot record its holder
    os.unlink(path)
    return os.open(path, flags | os.O_EXCL, 0o600)


def _try_lock(path: str, descriptor: int) -> str:
    """Return "locked", "held", "unsupported", or "moved" when another file has replaced the one at `path`."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return "held"
    except OSError as error:
        if error.errno in UNSUPPORTED:
            return "unsupported"
        raise
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return "moved"
    return "locked" if _file_id(there) == _file_id(os.fstat(descriptor)) else "moved"


def _new_record(job: "str | None", attempt: int) -> "Holder":
    own = (os.getpid(), process_start(os.getpid()))
    return {"boot": boot_id(), "job": job, "attempt": attempt, "processes": [own]}


def read_holder(descriptor: int) -> "Holder":
    """Return the record in the lock file open as `descriptor`, {} when it has no readable one."""
    try:
        record: "Holder" = json.loads(os.pread(descriptor, RECORD_BYTES, 0).decode("ascii"))
    except (ValueError, RecursionError):
        return {}
    wanted: "dict[str, type | tuple[type, ...]]" = {
        "boot": str,
        "attempt": int,
        "processes": list,
        "progress": (int, float),
    }
    if isinstance(record, dict) and all(isinstance(record.get(name), kind) for name, kind in wanted.items()):
        return record if all(map(_is_process, record["processes"])) else {}
    return {}


def _is_process(found: object) -> bool:
    """Return whether `found` is [process id, start time or None], as `Lock` writes it."""
    return (
        isinstance(found, list)
        and len(found) == 2
        and type(found[0]) is int
        and found[0] > 0
        and (found[1] is None or type(found[1]) is int)
    )


def may_take_over(holder: "Holder", job: "str | None", attempt: int, hung_seconds: float = HUNG_SECONDS) -> bool:
    """Return whether the agent of `job` and `attempt` may kill the one described by `holder` (record)."""
    if not holder:
        # Locked a moment ago, the record not yet written
        return False
    if holder["boot"] == boot_id():
        if time.monotonic() - holder["progress"] > hung_seconds:
            return True
        first = holder["processes"][:1]
        if first and process_start(first[0][0]) != first[0][1]:
            return True
    if job is None:
        return False
    return bool(holder["attempt"] < attempt or holder.get("job") != job)


def _alive(holder: "Holder") -> bool:
    if not holder or holder["boot"] != boot_id():
        return False
    return any(start is not None and process_start(pid) == start for pid, start in holder["processes"])


def _kill(holder: "Holder", log: "Log | None") -> None:
    """Kill every process of `holder` that still is the recorded one, and belongs to this user."""
    for pid, start in holder["processes"]:
        if process_start(pid) == start and start is not None and process_owner(pid) == os.geteuid():
            if log is not None:
                log.info("taking over from process %d of attempt %d", pid, holder["attempt"])
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
