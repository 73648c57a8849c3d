"""Start an account's launcher through the server's SSH as root: as the account, detached, as cron would."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path

from controller import processes
from controller.panels.cpanel.skeleton.ssh_store import TARGET, options
from controller.panels.start import SSH, Started
from controller.processes import Bounds, TooMuchOutput
from shared.job import FOLDER, LAUNCHER_FILE, START_VARIABLE

#: The user that may become every account.
ROOT = "root"
_OUTPUT_BYTES = 16 * 1024
_STARTED = b"started"
#: Runs as the account: nothing of root's environment, only what cron provides. It says that it got so far.
_AS_ACCOUNT = (
    "cd {home} && umask 022 && test -f {run} || {{ echo failed; exit; }}; echo started;"
    " exec env -i HOME={home} LOGNAME={user} USER={user} SHELL=/bin/sh PATH=/usr/bin:/bin {start}"
    " /bin/sh {run} >/dev/null"
)
# By `su`, like sessions on the server: limits and the account's own view of the file system apply. What it lets nobody
# in for (an account that has expired, a password to be changed) keeps cron from starting anything, too: nothing is said
_AS_ROOT = (
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin; export PATH; cd /;"
    " id -u {user} >/dev/null && command -v su >/dev/null || exit 1; s=$(command -v setsid);"
    ' {{ (exec $s su -s /bin/sh -c "$1" {user}) </dev/null 2>/dev/null & }}'
    # PAM's modules may have words of their own
    " | grep -m 1 -x -e started -e failed || :"
)


def is_root(target: str) -> bool:
    """Return whether `target` (user@host) is a server's root."""
    return bool(TARGET.match(target)) and target.partition("@")[0] == ROOT


def start(target: str, settings: Path | None, user: str, home: str, within_seconds: float) -> Started:
    """Start the launcher of the account `user` with its `home` (both safe as words of a shell)."""
    began = time.monotonic()
    run = f"{home}/{FOLDER}/{LAUNCHER_FILE}"
    inner = _AS_ACCOUNT.format(home=home, run=run, user=user, start=f"{START_VARIABLE}={SSH}")
    script = f"sh -c {shlex.quote(_AS_ROOT.format(user=user))} sh {shlex.quote(inner)}"
    seconds = max(1, int(within_seconds))
    command = ["ssh", "-o", f"ConnectTimeout={seconds}", *options(settings), "--", target, f"exec {script}"]
    reason = ""
    try:
        with Path(os.devnull).open("rb") as nothing:
            done = processes.run(command, nothing, Bounds(within_seconds, _OUTPUT_BYTES))
        reason = _reason(done.returncode, done.stdout.split())
    except TimeoutError:
        reason = "took_too_long"
    except (OSError, TooMuchOutput):
        reason = "failed"
    return Started("" if reason else SSH, reason, time.monotonic() - began)


def _reason(exit_code: int, words: list[bytes]) -> str:
    if exit_code:
        return "failed"
    if not words:
        return "account_closed"
    return "" if words == [_STARTED] else "failed"
