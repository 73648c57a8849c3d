"""Run system commands: no shell, plain English output, a time limit, the reason when one fails."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from controller import files, processes
from controller.processes import Bounds, Ended, TooMuchOutput
from shared.errors import ShoplaunchError

TIMEOUT_SECONDS = 120
#: The longest possible crontab or list of sites, with room to spare.
OUTPUT_BYTES = 16 * 1024 * 1024
SBIN = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def attempt(command: Sequence[str], *, content: bytes = b"", timeout: int = TIMEOUT_SECONDS) -> Ended:
    """Run `command` with `content` as its input and return the result, whatever its exit code.

    All of the input is there before the command starts, so the command completes even when this process is killed.

    Raises panel_refused when it does not exist, panel_unreachable when it takes longer than `timeout` seconds,
    panel_answer_too_large when it prints without end: an account's crontab may hold anything.
    """
    environment = {"PATH": SBIN, "LC_ALL": "C", "HOME": "/root", "LANGUAGE": ""}
    try:
        # In memory, as the input may contain passwords
        with os.fdopen(os.memfd_create("input"), "w+b") as given:
            given.write(content)
            given.seek(0)
            return processes.run(command, given, Bounds(timeout, OUTPUT_BYTES), environment)
    except TimeoutError:
        raise ShoplaunchError("panel_unreachable", f"{command[0]} took longer than {timeout} s") from None
    except TooMuchOutput:
        message = f"{command[0]} printed more than {OUTPUT_BYTES} bytes"
        raise ShoplaunchError("panel_answer_too_large", message) from None
    except OSError as error:
        raise ShoplaunchError("panel_refused", f"{command[0]} cannot be run: {error.strerror}") from None


def run(command: Sequence[str], *, content: bytes = b"", timeout: int = TIMEOUT_SECONDS) -> bytes:
    """Run `command`; return its output. Raises panel_refused with its error message when it fails."""
    done = attempt(command, content=content, timeout=timeout)
    if done.returncode != 0:
        raise ShoplaunchError("panel_refused", f"{command[0]} ended with {done.returncode}: {said(done)}")
    return done.stdout


def said(done: Ended) -> str:
    """Return the end of a command's output, for a message."""
    text = (done.stderr.strip() or done.stdout.strip()).decode("utf-8", "replace")
    return " ".join(text[-500:].split())


def require_root() -> None:
    """Raise permission_denied unless this process runs as root."""
    if os.geteuid() != 0:
        raise ShoplaunchError("permission_denied", "the local panel works only as root")


def remove_durably(path: Path) -> None:
    """Remove `path` so that it stays removed after a power cut."""
    path.unlink(missing_ok=True)
    files.sync_folder(path.parent)
