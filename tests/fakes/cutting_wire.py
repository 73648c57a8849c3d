"""A wire to an HTTP server that loses answers: the request arrives and is carried out, the connection is then cut."""

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

KEPT = ("content-type", "content-length", "location")


class CuttingWire:
    """Passes requests on to `target()`; `url` is this end. `cut(method)` loses the next answer to such a request."""

    def __init__(self, target):
        self.lost = []
        self._cuts = []
        wire = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.pass_on()

            def do_POST(self):
                self.pass_on()

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                answer = requests.request(
                    self.command, target() + self.path, data=body, headers=headers, allow_redirects=False, timeout=120
                )
                if self.command in wire._cuts:
                    wire._cuts.remove(self.command)
                    wire.lost.append((self.command, self.path, answer.status_code))
                    self.close_connection = True
                    with contextlib.suppress(OSError):
                        self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(answer.status_code)
                for name, value in answer.headers.items():
                    if name.lower() in KEPT:
                        self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(answer.content)

            def log_message(self, *_about):
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def cut(self, method):
        """The answer to the next request of this method is lost."""
        self._cuts.append(method)

    def close(self):
        """Nobody answers any more."""
        self._server.shutdown()
        self._server.server_close()
