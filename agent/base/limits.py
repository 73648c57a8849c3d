"""Prepares an agent that cron did not start: a session of its own, and sufficient resource limits."""

import errno
import os
import resource
import signal

from shared.errors import ShoplaunchError
from shared.job import START_VARIABLE

MYPY = False
if MYPY:
    from typing import Iterable

    from shared.documents import Job

MIB = 1024 * 1024
#: A web server's limits may be a fraction of cron's. No shop can be restored with less than this: address space
#: including thread stacks, CPU seconds, processes and threads, bytes of a file.
LEAST_MEMORY, LEAST_SECONDS, LEAST_PROCESSES, LEAST_FILE = 128 * MIB, 60, 8, 64 * MIB
CODE = "limits_too_small"
#: Upper bound for descriptors where the system does not list the open ones.
MOST_FILES = 1024


def is_rung() -> bool:
    """Return whether this agent was started directly, and not by cron."""
    return bool(os.environ.get(START_VARIABLE))


def release() -> None:
    """Release what was inherited from the starting process: its files and pipes, and its blocked signals."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        numbers: "Iterable[int]" = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        numbers = range(MOST_FILES)
    for number in numbers:
        if number > 2:
            try:
                os.close(number)
            except OSError as error:
                # The descriptor of the listing itself is closed already
                if error.errno != errno.EBADF:
                    raise


def detach() -> None:
    """Move to a session of our own, so that the work survives the end of the session that started it."""
    if os.getsid(0) == os.getpid():
        return
    if os.getpgrp() == os.getpid() and os.fork():
        # A process group leader cannot start a session
        os._exit(0)
    os.setsid()


def raise_all() -> None:
    """Make each soft limit as large as the hard one."""
    for limit, _least, _name in _needs(0):
        _, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (hard, hard))


def check(job: "Job") -> None:
    """Raise ShoplaunchError `limits_too_small` where the work for `job` (payload) would not end within the limits."""
    small = []
    for limit, least, name in _needs(job.get("bundle", {}).get("size", 0)):
        hard = resource.getrlimit(limit)[1]
        if hard != resource.RLIM_INFINITY and hard < least:
            small.append("{} {} of {}".format(name, hard, least))
    if small:
        raise ShoplaunchError(CODE, "started at once within limits that are too small: " + ", ".join(small))


def _needs(bundle_bytes: int) -> "tuple[tuple[int, int, str], ...]":
    """Return (limit, least value, name) for each limit that matters."""
    file_size = max(LEAST_FILE, bundle_bytes + MIB)
    return (
        (resource.RLIMIT_AS, LEAST_MEMORY, "address space"),
        (resource.RLIMIT_DATA, LEAST_MEMORY, "data"),
        (resource.RLIMIT_CPU, LEAST_SECONDS, "processor seconds"),
        (resource.RLIMIT_NPROC, LEAST_PROCESSES, "processes"),
        (resource.RLIMIT_FSIZE, file_size, "bytes of a file"),
    )
