"""Runs a program and reads its output, limited in time and bytes; beyond a limit its process group is killed."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

#: Only the end of standard error is kept: its last lines give the reason, however many warnings come before.
ERROR_BYTES = 64 * 1024
_PIECE_BYTES = 64 * 1024
#: How long to wait for a killed program, which may hang on a disk.
KILL_SECONDS = 10.0


class TooMuchOutput(Exception):
    """The program printed more than allowed; it was killed."""


@dataclass(frozen=True)
class Bounds:
    """How long a program may run, and how many bytes it may print."""

    seconds: float
    output_bytes: int


@dataclass(frozen=True)
class Ended:
    """A finished program's exit code, its output, and the end of its standard error."""

    returncode: int
    stdout: bytes
    stderr: bytes


def run(
    command: Sequence[str],
    given: int | IO[bytes],
    bounds: Bounds,
    environment: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> Ended:
    """Run `command` in `/` with `given` (a file) as its input; return the result, whatever its exit code.

    Raises OSError when it cannot be started, TimeoutError after so many seconds, TooMuchOutput.
    """
    end = time.monotonic() + bounds.seconds
    process = subprocess.Popen(
        list(command),
        stdin=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
        env=None if environment is None else dict(environment),
        pass_fds=tuple(pass_fds),
        start_new_session=True,
    )
    assert process.stdout is not None and process.stderr is not None
    # Popen's own context manager would wait for the process without a limit
    with process.stdout, process.stderr:
        try:
            stdout, stderr = _read(process, bounds.output_bytes, end)
            return Ended(process.wait(_left(end)), stdout, stderr)
        except subprocess.TimeoutExpired:
            _kill(process)
            raise TimeoutError from None
        except BaseException:
            _kill(process)
            raise


def _read(process: subprocess.Popen[bytes], output_bytes: int, end: float) -> tuple[bytes, bytes]:
    """Return all output, and the end of standard error. Raises TimeoutError, TooMuchOutput."""
    assert process.stdout is not None and process.stderr is not None
    printed: list[bytes] = []
    complained = b""
    left = output_bytes
    with selectors.DefaultSelector() as waiting:
        for stream in (process.stdout, process.stderr):
            waiting.register(stream.fileno(), selectors.EVENT_READ)
        while waiting.get_map():
            for key, _ in waiting.select(_left(end)):
                piece = os.read(key.fd, _PIECE_BYTES)
                if not piece:
                    waiting.unregister(key.fd)
                if key.fd == process.stderr.fileno():
                    complained = (complained + piece)[-ERROR_BYTES:]
                    continue
                left -= len(piece)
                if left < 0:
                    raise TooMuchOutput
                printed.append(piece)
    return b"".join(printed), complained


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and its process group."""
    if process.returncode is not None:
        return
    # Until `wait`, its id is not reused; its children may go on although it has ended itself
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    # A process waiting for a dead disk survives even SIGKILL
    with suppress(subprocess.TimeoutExpired):
        process.wait(KILL_SECONDS)
