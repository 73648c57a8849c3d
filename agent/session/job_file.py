"""The job file on disk: reads and verifies it, and detects a newer attempt."""

import errno
import functools
import json
import os
import pwd

import agent
from agent.base.ed25519 import verify
from agent.base.permissions import check_written_by_us_alone
from agent.base.plain_files import open_plain
from agent.session.lock import is_replaced
from shared import data
from shared.errors import ShoplaunchError
from shared.job import FOLDER, JOB_FILE, check_job
from shared.signing import PURPOSE_JOB, load_signed
from shared.system_users import find

MYPY = False
if MYPY:
    from typing import Any, Iterable

    from shared.documents import Job, Refused

MAX_BYTES = 1024 * 1024
#: Name of the job file once the job is done and only its database login is still needed for cleaning up.
SPENT_FILE = "job.done"
#: Errors that say nothing of what the agent holds; for a file it does not hold, Pythons before 3.8 raise any number.
_UNREADABLE = (
    errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENOTCONN,
    errno.EMFILE, errno.ENFILE, errno.ENOMEM,
)  # fmt: skip


# Cached: they are still needed when the archive that contains them is gone
@functools.lru_cache(maxsize=1)
def public_keys() -> "tuple[bytes, ...]":
    """Return the controller's public keys built into this agent (32 bytes each, newest last), as a tuple.

    Raises ShoplaunchError `signature_invalid` when there are none; OSError when the agent itself cannot be read.
    """
    try:
        text: "str | None" = data.read(vars(agent), "keys.json").decode("ascii")
    except OSError as error:
        if error.errno in _UNREADABLE:
            raise
        text = None
    if not text:
        raise ShoplaunchError("signature_invalid", "this agent was built without the controller's keys")
    return tuple(bytes.fromhex(text) for text in json.loads(text)["keys"])


def read_raw(folder: str, name: str = JOB_FILE) -> bytes:
    """Return the job file's bytes.

    Raises ShoplaunchError `job_missing`, `job_exposed` when others can write it, `job_invalid` when it is too large or
    not a plain file.
    """
    try:
        descriptor = open_plain(os.path.join(folder, name))
    except FileNotFoundError:
        raise ShoplaunchError("job_missing", "there is no job file") from None
    if descriptor is None:
        raise ShoplaunchError("job_invalid", "the job file is no plain file")
    try:
        found = os.fstat(descriptor)
        check_written_by_us_alone(found)
        # Called before every table and chunk: a stream, and a buffer for the largest file, would take most of the time
        raw = os.read(descriptor, min(found.st_size, MAX_BYTES) + 1)
        while 0 < len(raw) < found.st_size and len(raw) <= MAX_BYTES:
            # Some network file systems return less than requested
            piece = os.read(descriptor, MAX_BYTES)
            if not piece:
                break
            raw += piece
    finally:
        os.close(descriptor)
    if len(raw) > MAX_BYTES:
        raise ShoplaunchError("job_invalid", "the job file is larger than {} bytes".format(MAX_BYTES))
    return raw


def open_signed(raw: bytes, keys: "Iterable[bytes]") -> "object":
    """Return the payload of job file `raw` (bytes) after checking only its signature.

    Raises ShoplaunchError `signature_invalid`.
    """
    return load_signed(PURPOSE_JOB, keys, raw.strip(), verify)


def check_account(job: "Job", folder: str) -> None:
    """Raise ShoplaunchError `wrong_account` unless `job` is for the current user and `folder` in that home; OSError."""
    user = job["account"]["user"]
    own = find(pwd.getpwuid, os.geteuid())
    if own is None or own.pw_name != user:
        raise ShoplaunchError("wrong_account", "the job is for account {}".format(user))
    wanted = os.path.join(job["account"]["home"], FOLDER)
    if os.path.realpath(wanted) != os.path.realpath(folder):
        raise ShoplaunchError("wrong_account", "the job is for another home directory")


def load(folder: str, keys: "Iterable[bytes]", name: str = JOB_FILE) -> "tuple[bytes, Job]":
    """Return (raw bytes, payload) of the job file: signed by one of `keys`, well formed, for this account.

    Raises ShoplaunchError `job_missing`, `job_exposed`, `signature_invalid`, `job_format`, `job_invalid`,
    `wrong_account`; with a valid signature, `details["named"]` is what `named_by` returns.
    """
    raw = read_raw(folder, name)
    payload: "Any" = open_signed(raw, keys)
    try:
        job = check_job(payload)
        check_account(job, folder)
    except ShoplaunchError as error:
        error.details["named"] = named_by(payload)
        raise
    return raw, job


def named_by(payload: object) -> "Refused | None":
    """Return {"job", "attempt"} from the signed `payload` (anything), None when it does not contain them."""
    if not isinstance(payload, dict):
        return None
    job = payload.get("job")
    attempt: "Any" = payload.get("attempt")
    is_number = isinstance(attempt, int) and not isinstance(attempt, bool)
    if not isinstance(job, str) or not is_number or attempt < 1:
        return None
    return {"job": job, "attempt": attempt}


def superseded(job: "Job") -> "ShoplaunchError":
    """Return a ShoplaunchError `superseded` that says what the job file names now."""
    return ShoplaunchError("superseded", "the job file names attempt {} of {}".format(job["attempt"], job["job"]))


class Guard:
    """Detects that the job file names another attempt than this process works for, or that another process holds a lock
    file that replaced `lock` (Lock.file_id)."""

    def __init__(self, folder: str, raw: bytes, job: "Job", keys: "Iterable[bytes]", lock: "list[int]") -> None:
        self._folder = folder
        self._raw = raw
        self._job = job
        self._keys = keys
        self._lock = lock

    @property
    def raw(self) -> bytes:
        """The job file's bytes from its last successful check."""
        return self._raw

    def check(self) -> None:
        """Raise ShoplaunchError `superseded` unless the job file still names this job and attempt with a valid
        signature, and the lock file is still ours."""
        if is_replaced(self._folder, self._lock):
            raise ShoplaunchError("superseded", "the lock file is another one by now")
        try:
            raw = read_raw(self._folder)
            if raw == self._raw:
                return
            job = check_job(open_signed(raw, self._keys))
        except ShoplaunchError as error:
            # The file is being replaced or removed: the next process decides, not this one
            raise ShoplaunchError("superseded", "the job file changed: {}".format(error.code)) from None
        if (job["job"], job["attempt"]) != (self._job["job"], self._job["attempt"]):
            raise superseded(job)
        self._raw = raw
