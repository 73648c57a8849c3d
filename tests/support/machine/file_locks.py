"""Whether somebody holds a lock, or waits for one."""

import fcntl
import os
from pathlib import Path


def is_locked(path):
    """Return whether some descriptor holds the file or folder for itself alone."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def somebody_waits(folder):
    """Return whether a process waits for who is alone in the folder."""
    number = f":{folder.stat().st_ino} "
    return any("->" in line and number in line for line in Path("/proc/locks").read_text().splitlines())
