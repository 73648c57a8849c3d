"""A real HTTP server that answers the agent as configured and remembers what it was sent."""

import json
import os
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from controller.panels.local.private_stack.stack import free_port
from tests.support.answers import send_answer


class _UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """An HTTP server behind a socket that every account may connect to."""

    def server_bind(self):
        super().server_bind()
        os.chmod(self.server_address, 0o666)


class Controller:
    """`answer` is called with each event and returns (status, headers) or None for 202; `events` is the list to
    which those that come are added. Who waits for it at `port` may come at once. With `path` it listens at that
    socket, at no port."""

    def __init__(self, port=None, events=None, answer=lambda event: None, path=None):
        self.events = [] if events is None else events
        self.tokens = []
        self.answer = answer
        self.changed = threading.Condition()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.receive(self, json.loads(body))

            def address_string(self):
                # Behind a socket nobody has an address
                return "somebody"

            def log_message(self, *arguments):
                pass

        self._handler, self._servers = Handler, []
        self.port = port or free_port()
        if path is None:
            self._serve(ThreadingHTTPServer(("127.0.0.1", self.port), Handler))
        else:
            self.listen_at(path)
        self.url = f"http://127.0.0.1:{self.port}/api/v1/agent/events"

    def listen_at(self, path):
        """Listen at the socket `path` (str or Path) as well, in a folder that accounts may enter."""
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        self._serve(_UnixServer(str(path), self._handler))

    def _serve(self, server):
        server.daemon_threads = True
        self._servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def receive(self, handler, event):
        status, headers = self.answer(event) or (202, {})
        with self.changed:
            self.tokens.append(handler.headers["Authorization"])
            self.events.append((status, event))
            self.changed.notify_all()
        send_answer(handler, status, headers, json.dumps({"attempt": event["attempt"]}).encode())

    def accepted(self, *names):
        """Return the accepted events, of these names when there are any."""
        return [
            event for status, event in list(self.events) if status == 202 and (not names or event["event"] in names)
        ]

    def wait_for(self, condition, seconds=120):
        """Wait until `condition()` holds; fail when it does not come."""
        with self.changed:
            assert self.changed.wait_for(condition, seconds), f"never came; there were {self.events}"

    def close(self):
        for server in self._servers:
            server.shutdown()
            server.server_close()
