"""Waiting for what other threads and processes do, with an end to the patience."""

import os
import time

#: Patience for machines with much other work. Of a mutant, whose tests often wait in vain, another is asked for.
PATIENCE = "TEST_WAIT_SECONDS"
WAIT_SECONDS = int(os.environ.get(PATIENCE, "300"))


def wait_until(condition, what="never came", seconds=WAIT_SECONDS, pause=0.02):
    """Ask `condition()` every `pause` seconds until it is true; return what it returned.

    Fails with `what` (text, or a callable that makes it) when it is not true within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(pause)
    return found
