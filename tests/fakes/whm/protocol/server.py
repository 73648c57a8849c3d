"""The two TLS ports: reads requests, records them, is late, cuts connections, answers."""

import contextlib
import json
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.fakes.whm.protocol import request as requests
from tests.fakes.whm.protocol.dispatch import dispatch, label
from tests.fakes.whm.protocol.envelopes import Reply

IDLE_SECONDS = 120


class Cut(Exception):
    """The connection is to be cut without an answer."""


class Port(ThreadingHTTPServer):
    """One port: `door` is whm (2087) or cpanel (2083)."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, double, door, address, context):
        self.double = double
        self.door = door
        self._context = context
        super().__init__(address, Handler)

    def start(self):
        """Serve in a thread of its own."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def finish_request(self, request, client_address):
        """Speak TLS in the connection's own thread, so that a slow one holds up nobody."""
        request.settimeout(IDLE_SECONDS)
        try:
            wrapped = self._context.wrap_socket(request, server_side=True)
        except (ssl.SSLError, OSError):
            return
        try:
            Handler(wrapped, client_address, self)
        finally:
            _close(wrapped)

    def handle_error(self, request, client_address):
        """A client that went away is no error; anything else is a fault of this double."""
        import sys
        import traceback

        if not isinstance(sys.exc_info()[1], OSError):
            self.double.violation("the double failed: " + traceback.format_exc())


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    server_version = "cpsrvd"
    sys_version = ""
    timeout = IDLE_SECONDS

    def log_message(self, *_):
        """Nothing is logged: calls are recorded instead."""

    def do_GET(self):
        """Answer a GET."""
        self._answer()

    def do_POST(self):
        """Answer a POST."""
        self._answer()

    def _answer(self):
        double = self.server.double
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with double.calls.record(self.command, self.path.partition("?")[0], self.server.door) as call:
            parsed = requests.parse(self.command, self.path, self.headers, body)
            call.account = requests.account_of(parsed)
            try:
                with double.serving(call.account):
                    reply = self._reply(double, call, parsed)
            except Cut:
                call.outcome = "cut"
                double.calls.end(call)
                self.close_connection = True
                _close(self.connection)
                return
            call.outcome = call.outcome or ("refused" if reply.refused else "ok")
            double.calls.end(call)
            self._send(reply)

    def _reply(self, double, call, parsed):
        call.function = label(parsed)
        call.names = tuple(sorted(parsed.args))
        call.query_names = parsed.query_names
        for violation in parsed.violations:
            double.violation(violation)
        double.look_at_address(self.path, requests.secrets_in(parsed.args))
        token = double.door.enter(self.server.door, self.headers.get("Authorization"))
        if token is None:
            call.outcome = "auth"
            return double.door.refusal(self.server.door)
        call.caller = token.user
        quirks = double.quirks
        call.changes = dispatch.changes(parsed)
        call.nth, cut_before, cut_after = quirks.count(call.function, call.changes)
        time.sleep(quirks.wait_for(call.function, quirks.slow_before))
        if call.nth in quirks.lates.get(call.function, ()):
            double.put_off(call.account, lambda: dispatch(double, self.server.door, token, parsed))
            raise Cut
        if cut_before:
            raise Cut
        if quirks.fails_now(call.function):
            call.outcome = "500"
            return Reply(500, f"{call.function}: uapi exited with status 1 (EPERM)", "text/plain", refused=True)
        reply = dispatch(double, self.server.door, token, parsed)
        if quirks.change_twice and call.changes:
            reply = dispatch(double, self.server.door, token, parsed)
        if call.nth in quirks.repeats.get(call.function, ()):
            double.put_off(call.account, lambda: dispatch(double, self.server.door, token, parsed))
        time.sleep(quirks.wait_for(call.function, quirks.slow))
        if cut_after:
            raise Cut
        return reply

    def _send(self, reply):
        text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
        content = text.encode("utf-8", "surrogateescape")
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _close(connection):
    with contextlib.suppress(OSError):
        # It may be closed already.
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
