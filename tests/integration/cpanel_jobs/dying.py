"""A controller in a process of its own that prepares an account on a cPanel server, and is killed at one of the calls
by which it changes something there."""

import json
import os
import signal
import threading
import time
from http.client import HTTPConnection

from controller.db.connection.engine import make_engine
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.service import Service
from controller.keys import load_keys
from controller.panels.cpanel.account.files import Files
from controller.panels.cpanel.api.whm import Whm
from controller.panels.cpanel.start import web_start
from controller.settings.loading import load_config
from tests.integration.controller.placing import place
from tests.support.clock import Clock
from tests.support.worlds.world import Outbox

#: So long nothing is noted any more.
CALM_SECONDS = 1.0
#: A file is written long before.
WRITE_SECONDS = 60.0


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


def _name(path, fields):
    """Return which function the call of `path` with `fields` is."""
    for module, function in (
        ("cpanel.module", "cpanel.function"),
        ("cpanel_jsonapi_module", "cpanel_jsonapi_func"),
    ):
        if module in fields:
            return f"{fields[module]}::{fields[function]}"
    return path.rpartition("/")[2]


def _wait_for_calm(service):
    """Wait until the controller has done and noted all that needs no answer to a call that takes long."""
    noted, since = -1, time.monotonic()
    while time.monotonic() - since < CALM_SECONDS:
        (job,) = service.jobs.listed()
        if job.version != noted:
            noted, since = job.version, time.monotonic()
        time.sleep(0.02)


def die_at(number, when, service):
    """End this process by SIGKILL right "before" or "after" the call `number` of those that change something, or
    "within": half of it has been sent; "late": as much, and that took so long that `service` has done everything that
    needs no answer to it. Other calls that are under way end as they may.

    Return the list of calls begun so far.
    """
    calls, guard, mark = [], threading.Lock(), threading.local()
    ask, send = Whm._ask, HTTPConnection.send

    def asking(self, call, look):
        if look:
            return ask(self, call, look)
        with guard:
            calls.append(_name(call.path, call.fields))
            is_here = len(calls) == number
        if is_here and when == "before":
            _die()
        if is_here and when == "late":
            _wait_for_calm(service)
        mark.parts_left = 2 if is_here and when in ("within", "late") else 0
        answer = ask(self, call, look)
        if is_here:
            _die()
        return answer

    def sending(self, data):
        left = getattr(mark, "parts_left", 0)
        mark.parts_left = left - 1
        if left == 1:
            # The head is there, and half of the form
            body = data.encode() if isinstance(data, str) else bytes(data)
            self.sock.sendall(body[: len(body) // 2])
            _die()
        send(self, data)

    Whm._ask, HTTPConnection.send = asking, sending
    return calls


def die_at_start(moment):
    """End this process by SIGKILL once its job's starter is "written", or right "before" or "after" it is asked for;
    "unwritten": before it is asked for, and the starter was not written either."""
    put, ask = Files.put_extra, web_start.ask

    def putting(self, path, content):
        if moment == "unwritten":
            return
        put(self, path, content)
        if moment == "written":
            self.wait_for_extra(WRITE_SECONDS)
            _die()

    def asking(place, starter, until):
        if moment in ("before", "unwritten"):
            _die()
        answer = ask(place, starter, until)
        if moment == "after":
            _die()
        return answer

    Files.put_extra, web_start.ask = putting, asking


def run(folder, now, number=0, when="", at_start=""):
    """Be the controller of the installation in `folder` until its job lies in its account, or until the kill: at a call
    (die_at), or at the start of the agent (die_at_start)."""
    config = load_config({"SHOPLAUNCH_HOME": str(folder / "home"), "SHOPLAUNCH_PUBLIC_URL": "http://127.0.0.1:8000"})
    engine, clock = make_engine(config.database_url), Clock(now)
    service = Service(Installation(config, engine, load_keys(config.keys), billing=Outbox(), clock=clock))
    calls = die_at(number, when, service)
    die_at_start(at_start)
    place(service, clock)
    (folder / "calls").write_text(json.dumps(calls))
