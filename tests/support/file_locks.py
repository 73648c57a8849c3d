"""Whether somebody holds a lock."""

import fcntl
import os


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
