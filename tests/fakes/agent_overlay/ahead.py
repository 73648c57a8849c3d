"""Takes the chance out of how much the helper reads ahead: all that may be, or nothing, as `ahead.json` in the home
says (true, false)."""

import json
import os
import sys

HOME = os.path.dirname(os.path.dirname(os.path.abspath(sys.path[0])))


def install():
    """The order comes too late to end the reading, or was there before it began."""
    from agent.bundle import shards

    with open(os.path.join(HOME, "ahead.json")) as stream:
        is_all = json.load(stream)
    shards._has_word = lambda orders: not is_all
