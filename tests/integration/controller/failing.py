"""Panels behind real sockets: servers that answer, hang, break or refuse; their accounts are folders."""

import json
import socket
import socketserver
import threading
import time
from functools import partial

from controller.db.connection.clock import at
from controller.db.connection.engine import transact
from controller.db.machines import servers
from controller.panels.cpanel.api.call_limits import ServerBreaker
from controller.panels.cpanel.api.whm import Login, Whm
from tests.fakes.folder_panel import FolderPanel
from tests.support.clock import START

ANSWER = json.dumps({"metadata": {"result": 1, "reason": "OK"}, "data": {}}).encode()
#: What an account's refusal looks like.
REFUSAL = json.dumps({"metadata": {"result": 0, "reason": "account suspended"}}).encode()
ANSWERS, HANGS, BREAKS, DROPS, REFUSES_LOGIN, REFUSES_ACCOUNT, LATE = range(7)
#: How long an answer of mode LATE takes.
LATE_SECONDS = 0.1


class PanelServer(socketserver.ThreadingTCPServer):
    """Does with each request what `mode` says, and counts them in `asked`; a hanging one is held until `close`."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, mode=ANSWERS):
        self.mode, self.asked = mode, 0
        #: The account whose owner makes each look into it hang.
        self.hanging = None
        self._guard, self._closed = threading.Lock(), threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def next_mode(self):
        """Count a request; return what is done with it."""
        with self._guard:
            self.asked += 1
            return self.mode.pop(0) if isinstance(self.mode, list) else self.mode

    def hang(self):
        """Wait for the end."""
        self._closed.wait(600)

    def handle_error(self, *_ignored):
        """Callers go away as they like."""

    def close(self):
        self._closed.set()
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline():
            length = 0
            while line := self.rfile.readline().strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            body = self.rfile.read(length)
            held = self.server.hanging is not None and self.server.hanging.encode() in body
            mode = HANGS if held else self.server.next_mode()
            if mode == HANGS:
                self.server.hang()
                return
            if mode == DROPS:
                self.request.shutdown(socket.SHUT_RDWR)
                return
            if mode == LATE:
                time.sleep(LATE_SECONDS)
            status = {BREAKS: "503 Busy", REFUSES_LOGIN: "403 Forbidden"}.get(mode, "200 OK")
            answer = {REFUSES_ACCOUNT: REFUSAL, BREAKS: b"<html>", REFUSES_LOGIN: b""}.get(mode, ANSWER)
            head = f"HTTP/1.1 {status}\r\nContent-Length: {len(answer)}\r\n\r\n"
            self.wfile.write(head.encode() + answer)


class WirePanel(FolderPanel):
    """The accounts of the panel `held`; each call is one over the wire, given up after `seconds`."""

    def __init__(self, held, name, breaker, url, seconds):
        self.__dict__.update(held.__dict__)
        self._seconds = seconds
        self.whm = Whm(Login(name, url, "root", "TOKEN"), breaker, 4)

    def _called(self, method, *about):
        self.whm.call("version", seconds=self._seconds)
        super()._called(method, *about)


def connect(world, name, url, seconds=0.3):
    """Make the server `name` of the world one that is called at `url`; its panel is made anew for each job."""
    kept = world.__dict__.setdefault("wired", {})
    if not kept:
        world.service.installation.panel_of = lambda _config, server: kept[server.name]()
    held = world.panel if name == "web1" else FolderPanel(world.folder / f"accounts-{name}", world.site.port)

    def panel():
        return WirePanel(held, name, ServerBreaker(lambda: world.engine, name, partial(at, world.clock)), url, seconds)

    kept[name] = panel
    if name != "web1":
        transact(world.engine, lambda connection: servers.add(connection, servers.Server(name, "local"), START))
