"""Runs system programs with limits on time and output."""

import os
import selectors
import subprocess
import time

MYPY = False
if MYPY:
    from typing import Any, Mapping, Sequence

#: Limit for the tail of standard error.
COMPLAINT_BYTES = 64 * 1024
#: A killed program ends at once, unless it waits for a disk or a network file system.
KILL_SECONDS = 5.0
_PIECE_BYTES = 64 * 1024


class TooMuchOutput(Exception):
    """The program printed more than allowed and was ended."""


def run(
    command: "Sequence[str]",
    seconds: float,
    most: int,
    given: int = subprocess.DEVNULL,
    environment: "Mapping[str, str] | None" = None,
) -> "tuple[int, bytes, bytes]":
    """Return (exit status, standard output, end of standard error) of `command`, the last two as bytes.

    `given` is its input (descriptor). Raises OSError, subprocess.TimeoutExpired after `seconds`, TooMuchOutput above
    `most` bytes. The program is killed then; if it does not end even so, it is left running.
    """
    end = time.monotonic() + seconds
    process: "Any" = subprocess.Popen(
        command, env=environment, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        printed, complaint = _read(process, most, command, end)
        return process.wait(timeout=_left(command, end)), printed, complaint
    except BaseException:
        _kill(process)
        raise
    finally:
        process.stdout.close()
        process.stderr.close()


def _read(process: "Any", most: int, command: "Sequence[str]", end: float) -> "tuple[bytes, bytes]":
    printed, complaint, size = [], b"", 0
    with selectors.DefaultSelector() as waiting:
        for stream in (process.stdout, process.stderr):
            waiting.register(stream.fileno(), selectors.EVENT_READ)
        while waiting.get_map():
            for key, _ in waiting.select(_left(command, end)):
                piece = os.read(key.fd, _PIECE_BYTES)
                if not piece:
                    waiting.unregister(key.fd)
                if key.fd == process.stderr.fileno():
                    complaint = (complaint + piece)[-COMPLAINT_BYTES:]
                    continue
                printed.append(piece)
                size += len(piece)
                if size > most:
                    raise TooMuchOutput
    return b"".join(printed), complaint


def _left(command: "Sequence[str]", end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise subprocess.TimeoutExpired(command, 0)
    return left


def _kill(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    try:
        process.wait(timeout=KILL_SECONDS)
    except subprocess.TimeoutExpired:
        # It ends once its disk answers; there is no need to wait
        return
