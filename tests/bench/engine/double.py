"""A server double that outlives the processes which call it: its accounts are folders, every call takes its time.

Runs in every version that is measured, and imports only what each of them has.
"""

import fcntl
import functools
import json
import os
import pickle
import shutil
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

from shared.errors import ShoplaunchError
from tests.fakes.folder_panel import FolderPanel

try:
    from controller.panels.calls_under_way import CALLS
except ImportError:
    # A version that knows no server that hangs
    CALLS = None

FASTEST_SECONDS, SLOWEST_SECONDS = 0.05, 0.5
#: A call that is never answered is given up after this time.
HUNG_SECONDS = 60.0
_KEPT = ("accounts", "databases", "users", "tables", "grants", "crontabs")
#: What a real panel is asked by the network.
_CALLS = ("ensure_", "remove_", "has_", "holds_", "find_", "list_", "read_", "put_", "home_", "cron_", "start_")
_DEPTH = threading.local()


def latency_of(number, servers, slowest):
    """Return how long each call to the server of a `number` takes, in seconds: from the fastest to the slowest."""
    return FASTEST_SECONDS + (slowest - FASTEST_SECONDS) * number / max(1, servers - 1)


class Double(FolderPanel):
    """The server whose folder is `base`; its shops are visited at `site` (address, port). What was done is noted in its
    folder as lines of JSON, (began, ended, account, process, call): one without an end when it begins, so that a call
    which a kill cuts off is known, and one when it has ended."""

    def __init__(self, base, site, latency):
        super().__init__(base / "homes", site[1])
        self._host = site[0]
        self._state, self._log, self._latency = base / "state", base / "calls", latency
        for name in dir(FolderPanel):
            if name.startswith(_CALLS) and callable(getattr(FolderPanel, name)):
                setattr(self, name, functools.partial(self._answer, getattr(self, name), name))

    def ensure_account(self, user, domain, *, create, email):
        """As a panel that was killed in between: what it began is begun anew."""
        if user not in self.accounts and create:
            shutil.rmtree(self.base / user, ignore_errors=True)
        return super().ensure_account(user, domain, create=create, email=email)

    def site_address(self, account):
        """The site may be on another machine than who visits it."""
        return replace(super().site_address(account), ip=self._host)

    def reload(self):
        """Take over what other processes have done."""
        with self._locked():
            pass

    def _answer(self, real, name, *arguments, **more):
        if getattr(_DEPTH, "busy", False):
            # Part of another call
            return real(*arguments, **more)
        began = time.time()
        self._note(began, None, name, arguments)
        time.sleep(self._latency)
        _DEPTH.busy = True
        try:
            with self._locked():
                return real(*arguments, **more)
        finally:
            _DEPTH.busy = False
            self._note(began, time.time(), name, arguments)

    def _note(self, began, ended, name, arguments):
        first = arguments[0] if arguments else ""
        line = json.dumps([began, ended, getattr(first, "user", first), os.getpid(), name])
        with self._log.open("a") as log:
            log.write(line + "\n")

    @contextmanager
    def _locked(self):
        with self._state.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            content = self._state.read_bytes() if self._state.exists() else b""
            if content:
                self.__dict__.update(pickle.loads(content))
            yield
            after = pickle.dumps({name: getattr(self, name) for name in _KEPT})
            if after != content:
                # Who is killed in between has not begun
                new = self._state.with_suffix(".new")
                new.write_bytes(after)
                new.replace(self._state)


class Hung(Double):
    """The server `base` takes calls and never answers: what a remote panel's driver makes of that, with the server's
    `breaker` (controller.panels.cpanel.api.whm)."""

    def __init__(self, base, breaker):
        super().__init__(base, ("127.0.0.1", 0), 0.0)
        self._server, self._breaker = base.name, breaker

    def _answer(self, _real, name, *arguments, **_more):
        rests = self._breaker.rests(HUNG_SECONDS)
        if rests is not None:
            raise ShoplaunchError("panel_unreachable", rests)
        began = time.time()
        self._note(began, None, name, arguments)
        try:
            with CALLS.call(self._server):
                time.sleep(HUNG_SECONDS)
                raise TimeoutError
        except TimeoutError:
            self._note(began, time.time(), name, arguments)
            self._breaker.failed("no answer")
            raise ShoplaunchError("panel_unreachable", "no answer") from None
