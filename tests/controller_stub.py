"""A real HTTP server that answers the agent as told and remembers what it was sent."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from controller.panels.local.stack import free_port


class Controller:
    """`answer` is called with each event and returns (status, headers) or None for 202; `events` is the list to
    which those that come are added. Whoever waits for it at `port` may come at once."""

    def __init__(self, port=None, events=None, answer=lambda event: None):
        self.events = [] if events is None else events
        self.tokens = []
        self.answer = answer
        self.changed = threading.Condition()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.receive(self, json.loads(body))

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port or free_port()), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/api/v1/agent/events"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def receive(self, handler, event):
        status, headers = self.answer(event) or (202, {})
        with self.changed:
            self.tokens.append(handler.headers["Authorization"])
            self.events.append((status, event))
            self.changed.notify_all()
        body = json.dumps({"attempt": event["attempt"]}).encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

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
        self._server.shutdown()
        self._server.server_close()
