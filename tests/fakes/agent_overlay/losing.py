"""A disk that loses what it took, as its kernel reports it: once, to the first that asks, and never again.

`lose.json` in the home names the file ("path") that is lost when it is first flushed, and whether the agent dies before
it can tell ("dies"). Without it nothing is lost; it is gone once it was reported.
"""

import errno
import json
import os
import signal
import sys

HOME = os.path.dirname(os.path.dirname(os.path.abspath(sys.path[0])))
PLAN = os.path.join(HOME, "lose.json")


def install():
    """From now on flushing loses what `lose.json` says."""
    from agent.tree import flushing

    real = flushing.flush_descriptor

    def flush(descriptor):
        real(descriptor)
        try:
            with open(PLAN) as stream:
                plan = json.load(stream)
        except FileNotFoundError:
            return
        lost = os.path.join(HOME, plan["path"])
        if not os.path.exists(lost):
            return
        os.truncate(lost, 0)
        os.unlink(PLAN)
        if plan["dies"]:
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    flushing.flush_descriptor = flush
