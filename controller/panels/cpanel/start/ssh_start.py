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
#: Runs as the account: nothing of root's environment, only what cron provides.
_AS_ACCOUNT = (
    "cd {home} && umask 022 && test -f {run} && exec env -i HOME={home} LOGNAME={user} USER={user} SHELL=/bin/sh"
    " PATH=/usr/bin:/bin {start} /bin/sh {run}"
)
# By `su`, like sessions on the server: limits and the account's own view of the file system apply
_AS_ROOT = (
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin; export PATH; cd /; id -u {user} >/dev/null || exit 1;"
    ' s=$(command -v setsid); (exec $s su -s /bin/sh -c "$1" {user}) </dev/null >/dev/null 2>&1 & echo started'
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
        reason = "" if _STARTED in done.stdout.split() and done.returncode == 0 else "failed"
    except TimeoutError:
        reason = "took_too_long"
    except (OSError, TooMuchOutput):
        reason = "failed"
    return Started("" if reason else SSH, reason, time.monotonic() - began)
