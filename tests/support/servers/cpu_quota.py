"""A share of one processor for a process and all it starts: by the kernel where it lets us, else by stopping them."""

import contextlib
import os
import secrets
import signal
import threading
import time
from pathlib import Path

from tests.support.machine.resources import has_ended

_PERIOD_MICROSECONDS = 100_000
_MOUNT = Path("/sys/fs/cgroup")


class CpuQuota:
    """`share` (0..1) of one processor, within a `with` statement.

    Start the command `enter(command)` returns, in a process group of its own, and give the process to `watch`.
    """

    def __init__(self, share):
        self._share = share
        self._group = None
        self._ended = threading.Event()
        self._threads = []

    def __enter__(self):
        quota = int(self._share * _PERIOD_MICROSECONDS)
        settings = [
            (_MOUNT / "cpu", {"cpu.cfs_period_us": _PERIOD_MICROSECONDS, "cpu.cfs_quota_us": quota}),
            (_MOUNT, {"cpu.max": f"{quota} {_PERIOD_MICROSECONDS}"}),
        ]
        for mount, values in settings:
            if self._group is None:
                self._group = _group_below(mount, values)
        return self

    def __exit__(self, *_):
        self._ended.set()
        for thread in self._threads:
            thread.join()
        if self._group is not None:
            _remove(self._group)

    def enter(self, command):
        """Return the command line that runs `command` (list) within the quota; as root."""
        if self._group is None:
            return command
        return ["sh", "-c", 'echo $$ >"$0" && exec "$@"', str(self._group / "cgroup.procs"), *command]

    def watch(self, process):
        """Without the kernel's help `process` (a subprocess.Popen) and its group are stopped most of the time."""
        if self._group is None:
            thread = threading.Thread(target=self._stop_and_go, args=(process,), daemon=True)
            self._threads.append(thread)
            thread.start()

    @property
    def is_in_force(self):
        """Whether the kernel counted the periods of the share while the processes ran; None where it does not tell."""
        if self._group is None:
            return None
        fields = dict(line.split() for line in (self._group / "cpu.stat").read_text().splitlines())
        # On a busy machine they may never get as much as their share: then nobody had to hold them back
        return int(fields["nr_periods"]) > 0

    def _stop_and_go(self, process):
        # Until it has ended, and who waited for it knows
        with contextlib.suppress(ChildProcessError, ProcessLookupError):
            while not self._ended.is_set() and not has_ended(process):
                os.killpg(process.pid, signal.SIGSTOP)
                time.sleep(0.1 * (1 - self._share))
                os.killpg(process.pid, signal.SIGCONT)
                time.sleep(0.1 * self._share)


def _group_below(mount, values):
    """Return a new control group with `values`, None where there can be none."""
    group = mount / f"sltest{secrets.token_hex(5)}"
    try:
        group.mkdir()
    except OSError:
        return None
    try:
        for name, value in values.items():
            (group / name).write_text(str(value))
    except OSError:
        group.rmdir()
        return None
    return group


def _remove(group):
    deadline = time.monotonic() + 60
    while True:
        try:
            group.rmdir()
            return
        except OSError:
            # Processes that have ended may be counted for a moment longer
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
