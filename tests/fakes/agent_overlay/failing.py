"""Lets a call that makes something durable fail, once or until there is room, as on a disk that is full or broken.

Every such call is noted in `points` of the home as [process, what, number]; `kill.json` there says which is the one:
{"process", "what", "nth", "errno", "stays"}. With "stays" the file `full` appears in the home; until somebody removes
it, no call gets what needs room.
"""

import errno
import json
import os
import re
import sys
import threading

HOME = os.path.dirname(os.path.dirname(os.path.abspath(sys.path[0])))
NOTES, FULL = os.path.join(HOME, "points"), os.path.join(HOME, "full")
PARENT = os.getpid()
#: What needs room, by the name in `os`; the others give some back.
TAKING = ("open", "write", "pwrite", "fsync", "replace", "rename", "mkdir", "symlink")
GIVING = ("unlink", "rmdir")
CLOSED = (errno.EROFS, errno.EPERM)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_open, _write, _close = os.open, os.write, os.close


class _Disk:
    def __init__(self, plan):
        self._plan = plan
        self._seen = {}
        self._guard = threading.Lock()

    def asked(self, name, what):
        """Raise OSError where this is the call that fails, or one of those behind it."""
        plan, process = self._plan, "parent" if os.getpid() == PARENT else "helper"
        with self._guard:
            key = process, what
            nth = self._seen[key] = self._seen.get(key, 0) + 1
        notes = _open(NOTES, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        _write(notes, (json.dumps([*key, nth]) + "\n").encode())
        _close(notes)
        is_it = (*key, nth) == (plan["process"], plan["what"], plan["nth"])
        if is_it and plan["stays"]:
            _close(_open(FULL, os.O_WRONLY | os.O_CREAT, 0o600))
        # A disk without room lets things go, one that is closed does not
        is_concerned = name in TAKING or plan["errno"] in CLOSED
        if is_it or (is_concerned and os.path.exists(FULL)):
            raise OSError(plan["errno"], os.strerror(plan["errno"]))


def _path(first, options):
    """Return the path a call is about, None for what is no file."""
    if isinstance(first, int):
        first = os.readlink(f"/proc/self/fd/{first}")
    elif options.get("dir_fd") is not None:
        first = os.path.join(os.readlink("/proc/self/fd/{}".format(options["dir_fd"])), os.fsdecode(first))
    path = os.fsdecode(first)
    return path if path.startswith(HOME + "/") and path != NOTES else None


def _what(name, path):
    """Return what the call does to `path`, without what differs from run to run."""
    below = path[len(HOME) + 1 :].split("/")
    if below[0].startswith(".shoplaunch-staging") and len(below) > 1:
        return name + " in the tree"
    if os.path.isdir(path):
        return name + " folder"
    return name + " " + re.sub(r"-probe-.*|[0-9]", "", below[-1])


def install():
    """Note the calls, and let fail what `kill.json` names, if it is there."""
    try:
        with open(os.path.join(HOME, "kill.json")) as stream:
            plan = json.load(stream)
    except FileNotFoundError:
        return
    disk = _Disk(plan)
    for name in TAKING + GIVING:

        def call(first, *more, _real=getattr(os, name), _name=name, **options):
            path = None if _name == "open" and not more[0] & WRITING else _path(first, options)
            if path is not None:
                disk.asked(_name, _what(_name, path))
            return _real(first, *more, **options)

        setattr(os, name, call)
