"""The account's crontab: removes our one line and keeps everything else byte for byte."""

import fcntl
import os
import re
import select
import stat
import subprocess
import time

from agent.base import programs
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Sequence

    from agent.base.log import Log

TIMEOUT_SECONDS = 30
#: Longer crontabs are not edited: a pipe cannot hold more (see `_filled_pipe`).
MAX_BYTES = 1024 * 1024
MARK = "# shoplaunch:"
#: Prints the crontab as it is stored: its editor changes nothing.
EDIT_NOTHING = ("env", "VISUAL=cat", "EDITOR=cat", "crontab", "-e")
#: Where `crontab -e` puts its copy: it runs with its group's or root's rights, so TMPDIR is not heeded.
COPIES_FOLDER = "/tmp"  # noqa: S108 - the name is cron's
#: A younger copy may be of an editor that starts at this moment.
COPY_SECONDS = 5
_COPY = r"crontab\.[A-Za-z0-9]{6,10}\Z"
_SHOWN = ((b"\r", b"\\r"), (b"\b", b"\\b"))
#: F_SETPIPE_SZ of Linux's fcntl.h; Python defines it since 3.10.
_SET_PIPE_SIZE = 1031


def remove_line(job_id: str, log: "Log") -> None:
    """Remove the lines of the crontab that end with our mark for `job_id`, and verify the result.

    The crontab is only rewritten after `crontab -l` exited with 0 and showed our line. Raises ShoplaunchError
    `cron_edit_failed`.
    """
    before = _read()
    mark = (MARK + job_id).encode("ascii")
    if before is None or mark not in before:
        log.info("the crontab has no line of this job")
        return
    lines = before.splitlines(True)
    kept = b"".join(line for line in lines if not line.rstrip().endswith(mark))
    if kept == before:
        return
    if kept.strip():
        # It takes no last line without an end
        _run(["crontab", "-"], kept if kept.endswith(b"\n") else kept + b"\n")
    else:
        _run(["crontab", "-r"])
    after = _read()
    if (after or b"").strip() != kept.strip():
        raise ShoplaunchError("cron_edit_failed", "the crontab reads back otherwise than written")
    log.info("the cron line is gone")


def _read() -> "bytes | None":
    """Return the crontab's bytes, None when the account has none."""
    status, output, problem = _call(["crontab", "-l"])
    if status == 0:
        return _as_stored(output)
    if b"no crontab" in problem:
        return None
    raise ShoplaunchError("cron_edit_failed", "crontab -l ended with status {}".format(status))


def _as_stored(shown: bytes) -> bytes:
    """Return the crontab that `crontab -l` shows so: Debian's shows carriage returns and backspaces as two characters,
    which must not be written back. Raises ShoplaunchError `cron_edit_failed`."""
    is_raw = any(letter in shown for letter, _ in _SHOWN)
    if is_raw or not any(one in shown for _, one in _SHOWN):
        return shown
    _remove_copies(shown)
    status, stored, _ = _call(EDIT_NOTHING)
    if status != 0 or shown not in (stored, _as_shown(stored)):
        raise ShoplaunchError("cron_edit_failed", "crontab -e does not show what crontab -l shows")
    return stored


def _as_shown(stored: bytes) -> bytes:
    for letter, one in _SHOWN:
        stored = stored.replace(letter, one)
    return stored


def _remove_copies(shown: bytes) -> None:
    """Remove what `crontab -e` left of the crontab when it was killed: of this account, no other than what `crontab -l`
    has `shown`, and open in no editor. Others, and what cannot be seen or removed, stay."""
    try:
        in_use, names = _command_lines(), os.listdir(COPIES_FOLDER)
    except OSError:
        # A jail may hide either
        return
    for name in names:
        path = os.path.join(COPIES_FOLDER, name)
        if not re.match(_COPY, name) or any(path.encode("ascii") in line for line in in_use):
            continue
        try:
            _remove_copy(path, shown)
        except OSError:
            # Of somebody else, or gone meanwhile
            continue


def _remove_copy(path: str, shown: bytes) -> None:
    found = os.lstat(path)
    if found.st_uid != os.geteuid() or time.time() - found.st_mtime < COPY_SECONDS:
        return
    # Debian's is a file in a folder of its own
    folder = path if stat.S_ISDIR(found.st_mode) else None
    file = os.path.join(path, "crontab") if folder else path
    if folder and not os.listdir(folder):
        os.rmdir(folder)
        return
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        is_ours = stat.S_ISREG(os.fstat(descriptor).st_mode) and os.fstat(descriptor).st_uid == os.geteuid()
        content = stream.read(MAX_BYTES + 1) if is_ours else b""
    if is_ours and shown in (content, _as_shown(content)):
        os.unlink(file)
        if folder:
            os.rmdir(folder)


def _command_lines() -> "list[bytes]":
    """Return the command lines of the processes that can be seen: an editor's names the file."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/{}/cmdline".format(name), "rb") as stream:
                    found.append(stream.read(65536))
            except OSError:
                # Ended meanwhile, or hidden
                continue
    return found


def _run(command: "Sequence[str]", text: bytes = b"") -> None:
    status, _, problem = _call(command, text)
    if status != 0:
        reason = problem.decode("utf-8", "replace").strip()[:200]
        raise ShoplaunchError("cron_edit_failed", "{} ended with status {}: {}".format(command, status, reason))


def _call(command: "Sequence[str]", text: bytes = b"") -> "tuple[int, bytes, bytes]":
    # The account's own crontab may ask for Debian's header, which nobody has written
    given_by_us = {"LC_ALL": "C", "CRONTAB_NOHEADER": "Y", "PATH": os.environ.get("PATH") or os.defpath}
    environment = dict(os.environ, **given_by_us)
    try:
        given = _filled_pipe(text)
        try:
            return programs.run(command, TIMEOUT_SECONDS, MAX_BYTES, given, environment)
        finally:
            os.close(given)
    except OSError as error:
        raise ShoplaunchError("cron_edit_failed", "crontab cannot be run: {}".format(error.strerror)) from None
    except subprocess.TimeoutExpired:
        raise ShoplaunchError("cron_edit_failed", "crontab does not answer") from None
    except programs.TooMuchOutput:
        message = "the crontab is longer than {} bytes".format(MAX_BYTES)
        raise ShoplaunchError("cron_edit_failed", message) from None


def _filled_pipe(text: bytes) -> int:
    """Return a descriptor from which all of `text` can be read. Raises OSError.

    The pipe is filled before `crontab -` starts: if this process were killed while that reads, it would install a
    partial or empty crontab.
    """
    reading, writing = os.pipe()
    try:
        if len(text) > select.PIPE_BUF:
            fcntl.fcntl(writing, _SET_PIPE_SIZE, len(text))
        os.set_blocking(writing, False)
        while text:
            text = text[os.write(writing, text) :]
    except OSError:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    return reading
