"""What a process and all it starts take of the machine: memory while they run, processor time and bytes in all."""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

#: Between two looks at the memory.
PAUSE_SECONDS = 0.01
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """What was taken, in bytes and seconds.

    `pss` is the largest sum of the proportional set sizes of all processes at one time, 0 when nobody looked. `read`
    and `written` went through read and write calls, of and to whatever (sockets' own calls apart); `disk_read` and
    `disk_written` are what the kernel fetched from and owes to block devices for them. `cpu` is user and system time.
    """

    pss: int
    read: int
    written: int
    disk_read: int
    disk_written: int
    cpu: float
    seconds: float


def usage_of(process, seconds=600, pause=PAUSE_SECONDS):
    """Wait for `process` (a running subprocess.Popen of this process) to end; return the Usage of it and its children.

    Looks at the memory every `pause` seconds; never with None, which disturbs the least. What children took counts
    when they were waited for. The exit code is in `process.returncode` afterwards; pipes are left to the caller. Raises
    subprocess.TimeoutExpired after `seconds`; the process runs on.
    """
    started = time.monotonic()
    pss = 0
    while not has_ended(process):
        if time.monotonic() - started > seconds:
            raise subprocess.TimeoutExpired(process.args, seconds)
        if pause is not None:
            pss = max(pss, pss_of(process.pid))
        time.sleep(PAUSE_SECONDS if pause is None else pause)
    ended = time.monotonic()
    # The kernel keeps the sums of a process that ended until somebody asks for its exit code
    read, written, disk_read, disk_written = _bytes_of(process.pid)
    cpu = _cpu_of(process.pid)
    process.wait()
    return Usage(pss, read, written, disk_read, disk_written, cpu, ended - started)


def has_ended(process):
    """Return whether `process` (a subprocess.Popen of this process) has ended; its exit code is left for `usage_of`."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def stand_still(pids):
    """Return once every thread of those of the processes `pids` that are there has stopped, after a SIGSTOP."""
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task") if os.path.isdir(f"/proc/{pid}/task") else ():
            while _state_of(f"/proc/{pid}/task/{thread}/stat") not in ("T", "Z", "X", None):
                time.sleep(0.005)


def _state_of(path):
    try:
        with open(path) as stream:
            return stream.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def pss_of(pid, without=""):
    """Return the sum of the proportional set sizes of process `pid` and everything below it, in bytes.

    Processes named `without` do not count.
    """
    return sum(_own_pss(one) for one in [pid, *descendants(pid)] if not without or name_of(one) != without)


def name_of(pid):
    """Return a process's name, "" when it has ended."""
    return _read(Path(f"/proc/{pid}/comm")).strip()


def words_of(pid):
    """Return the words of a process's command line, [] when it has ended."""
    return _read(Path(f"/proc/{pid}/cmdline")).split("\0")[:-1]


def cpu_so_far(pid):
    """Return the processor time in seconds that `pid` and everything below it have taken until now."""
    return sum(map(_cpu_of, [pid, *descendants(pid)]))


def descendants(pid):
    """Return the ids of the processes below `pid`, at any depth."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in _read(children).split():
            found += [int(child), *descendants(int(child))]
    return found


def _own_pss(pid):
    for line in _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _bytes_of(pid):
    fields = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return [int(fields[name]) for name in ("rchar", "wchar", "read_bytes", "write_bytes")]


def _cpu_of(pid):
    # The name in parentheses may hold blanks itself; then come the times of the process and of its children
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def _read(path):
    try:
        return path.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        # It ended while we looked
        return ""
