"""Names the points at which the agent's work becomes durable, and ends it by SIGKILL at the one that is wanted.

A point is before or after an fsync, a rename, a removal, a commit, a report to the controller or an edit of the
crontab, in either process. Every point passed is noted in `points` of the home; `kill.json` there says at which to die:
{"process", "what", "nth", "when": "before"|"after", "who": "group"|"parent"|"helper"}. Where there is no helper, or no
more, the group dies in its place; who it was is in `killed` of the home.
"""

import json
import os
import re
import signal
import sys
import threading

HOME = os.path.dirname(os.path.dirname(os.path.abspath(sys.path[0])))
NOTES = os.path.join(HOME, "points")
PARENT = os.getpid()
#: SERVER_STATUS_IN_TRANS of the protocol: what is changed now becomes durable with the commit only.
IN_TRANSACTION = 1
#: waitid(2): "child killed by signal"; Python has a name for it since 3.9.
KILLED = 2
_open, _write, _close = os.open, os.write, os.close


def process():
    """Return which of the agent's processes this is."""
    return "parent" if os.getpid() == PARENT else "helper"


class _Points:
    def __init__(self, plan):
        self.plan = plan
        #: (process, what) -> how often
        self.seen = {}
        self.guard = threading.Lock()

    def passing(self, what, work):
        """Do `work` between its two points."""
        with self.guard:
            key = process(), what
            nth = self.seen[key] = self.seen.get(key, 0) + 1
            notes = _open(NOTES, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            _write(notes, (json.dumps([*key, nth]) + "\n").encode())
            _close(notes)
        self._at(what, nth, "before")
        try:
            return work()
        finally:
            self._at(what, nth, "after")

    def _at(self, what, nth, when):
        plan = self.plan
        if (plan["process"], plan["what"], plan["nth"], plan["when"]) == (process(), what, nth, when):
            _kill(plan["who"])


def _note_the_kill(who):
    note = _open(os.path.join(HOME, "killed"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    _write(note, who.encode("ascii"))
    _close(note)


def _kill(who):
    if who == "helper" and process() == "parent":
        if _kill_child():
            _note_the_kill(who)
            return
        who = "group"
    _note_the_kill(who)
    if who == "group":
        os.killpg(0, signal.SIGKILL)
    os.kill(PARENT if who == "parent" else os.getpid(), signal.SIGKILL)


def _kill_child():
    """End the child; return whether it was alive, and is not any more."""
    with open(f"/proc/self/task/{os.getpid()}/children") as stream:
        children = [int(child) for child in stream.read().split()]
    for child in children:
        try:
            os.kill(child, signal.SIGKILL)
            # Another process that waits for it finds it as it is
            ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        except (ProcessLookupError, ChildProcessError):
            continue
        if (ended.si_code, ended.si_status) == (KILLED, signal.SIGKILL):
            return True
    return False


def _short(path):
    """Return what a path is, without what differs from run to run."""
    if isinstance(path, int):
        path = os.readlink(f"/proc/self/fd/{path}")
    if os.path.isdir(path):
        return "folder"
    # Numbers of events, and what is named after the job
    return re.sub(r"-probe-.*|[0-9]", "", os.path.basename(os.fsdecode(path)))


def _wrap_files(points):
    for name in ("fsync", "rename", "replace", "unlink", "rmdir"):

        def passing(first, *more, _real=getattr(os, name), _name=name, **options):
            # The many files of a tree that is removed are one point: its folders
            if options.get("dir_fd") is not None:
                return _real(first, *more, **options)
            return points.passing(_name + " " + _short(first), lambda: _real(first, *more, **options))

        setattr(os, name, passing)


def _wrap_database(points):
    from pymysql.connections import Connection

    real = Connection.query

    def query(self, sql, *more):
        words = (sql if isinstance(sql, bytes) else sql.encode("utf-8", "surrogateescape")).split(None, 3)
        verb = words[0].upper().decode("ascii", "replace") if words else ""
        within = self.server_status & IN_TRANSACTION
        durable = verb in ("COMMIT", "CREATE", "ALTER", "DROP")
        durable = durable or (verb in ("INSERT", "UPDATE", "REPLACE", "DELETE") and not within)
        if not durable:
            return real(self, sql, *more)
        return points.passing("sql " + verb, lambda: real(self, sql, *more))

    Connection.query = query


def _wrap_others(points):
    from agent.reporting.http import HttpClient
    from agent.session import crontab

    post, call = HttpClient.post, crontab._call

    def posting(self, url, body, *more, **options):
        event = json.loads(body.decode("utf-8"))["event"]
        return points.passing("report " + event, lambda: post(self, url, body, *more, **options))

    HttpClient.post = posting
    crontab._call = lambda command, *text: points.passing("cron " + command[1], lambda: call(command, *text))


def install():
    """Note the points, and die at the one `kill.json` names, if it is there."""
    try:
        with open(os.path.join(HOME, "kill.json")) as stream:
            plan = json.load(stream)
    except FileNotFoundError:
        return
    points = _Points(plan)
    _wrap_files(points)
    _wrap_database(points)
    _wrap_others(points)
