"""A disk that loses what it took, as its kernel tells of it: once, to whoever asks first, and never again.

`lose.json` in the home names a file below the new tree ("path"), and whether it is lost while
the tree is being made ("early") or at its end. Without it nothing is lost; it is gone once it was told.
"""

import errno
import json
import os
import sys
import threading

HOME = os.path.dirname(os.path.dirname(os.path.abspath(sys.path[0])))
PLAN = os.path.join(HOME, "lose.json")


def install():
    """From now on flushing loses what `lose.json` says."""
    from agent import flushing

    real = flushing.flush_file_system

    def flush(folder):
        real(folder)
        try:
            with open(PLAN) as stream:
                plan = json.load(stream)
        except FileNotFoundError:
            return
        if plan["early"] == (threading.current_thread() is threading.main_thread()):
            return
        os.truncate(os.path.join(folder, plan["path"]), 0)
        os.unlink(PLAN)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    flushing.flush_file_system = flush
