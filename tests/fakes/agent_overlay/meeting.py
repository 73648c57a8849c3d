"""Lets the agent wait in the middle of what it does, and gives it a clock of its own.

The folder `meet` next to the home, which no fault of its disk touches, holds `meet.json`: where this start is to wait,
{"moment", "met", "go"}. Arrived there, the agent makes the file `met` and goes on once there is the file `go`. Until
the database is proved, its helper waits in the middle of a shard, too. `clock` holds by how many seconds the agent's
clock is wrong.
"""

import json
import os
import sys
import threading
import time

HOME = os.path.dirname(os.path.dirname(os.path.abspath(sys.path[0])))
FOLDER = os.path.join(os.path.dirname(HOME), "meet")
_right = time.time


def _shifted_time():
    try:
        with open(os.path.join(FOLDER, "clock")) as stream:
            return _right() + float(stream.read())
    except FileNotFoundError:
        return _right()


class _Meeting:
    def __init__(self, plan):
        self.plan = plan
        self.guard = threading.Lock()
        self.seen = 0

    def come(self, nth=1, is_noted=True):
        """Wait, if this is the `nth` time somebody comes."""
        with self.guard:
            self.seen += 1
            is_here = self.seen == nth
        if not is_here:
            return
        if is_noted:
            with open(os.path.join(FOLDER, self.plan["met"]), "w") as stream:
                stream.write(str(os.getpid()))
        while not os.path.exists(os.path.join(FOLDER, self.plan["go"])):
            time.sleep(0.01)

    def before(self, place, name, nth=1, when=lambda *arguments: True, is_noted=True):
        """Every caller of `name` of `place` comes here first."""
        real = getattr(place, name)

        def coming(*arguments, **more):
            if when(*arguments):
                self.come(nth, is_noted)
            return real(*arguments, **more)

        setattr(place, name, coming)


def _in_the_helper(meeting):
    """Like the stages that need only the database, the helper waits at its thirtieth file."""
    from agent.tree.writer import TreeWriter

    if meeting.plan["moment"] in ("unpack", "chunk", "index", "configure", "prove"):
        files = _Meeting(meeting.plan)
        parent = os.getpid()
        files.before(
            TreeWriter, "file", 30, lambda *_: os.getpid() != parent, is_noted=meeting.plan["moment"] == "unpack"
        )


def _moments(meeting):
    """Return moment -> the arguments of `before` for the main process."""
    from agent.database import importer, ledger
    from agent.reporting import http
    from agent.stages import import_, preflight, prove

    return {
        "preflight": (preflight, "check_rights"),
        # Between the two statements of the third chunk
        "chunk": (importer, "change", 3, lambda _, statement, *more: statement.startswith(b"INSERT INTO `ps_image`")),
        "index": (import_, "execute", 1, lambda _, statement, *more: statement.startswith("ALTER TABLE")),
        "prove": (prove, "prove_cells"),
        "report": (http.HttpClient, "post", 1, lambda _, url, body, *more: b'"event": "finished"' in body),
        "cleanup": (ledger, "drop_ledger"),
    }


def _in_the_switch(meeting):
    """Wait between the renames that bring the tree into the document root."""
    from agent.stages import switch

    real = switch.run

    def run(ctx):
        meeting.before(os, "rename", 3, lambda _, target: os.path.dirname(target) == ctx.root)
        return real(ctx)

    switch.run = run


def _in_the_settings(meeting):
    """Wait between the statements of the settings and their commit."""
    from agent.database import ledger
    from agent.stages import configure

    real = configure.apply_once

    def apply_once(*arguments):
        meeting.before(ledger, "change", 1, lambda _, statement, *more: statement == b"COMMIT")
        return real(*arguments)

    configure.apply_once = apply_once


def install():
    """Do as `clock` and `meet.json` say; without them nothing changes."""
    time.time = _shifted_time
    try:
        with open(os.path.join(FOLDER, "meet.json")) as stream:
            meeting = _Meeting(json.load(stream))
    except FileNotFoundError:
        return
    moment = meeting.plan["moment"]
    _in_the_helper(meeting)
    if moment == "switch":
        _in_the_switch(meeting)
    elif moment == "configure":
        _in_the_settings(meeting)
    elif moment != "unpack":
        meeting.before(*_moments(meeting)[moment])
