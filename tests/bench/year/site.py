"""Answers visits to shops by real connections, and with no more work than that: thousands of shops are visited."""

import socket
import threading
from http import HTTPStatus

_END = b"\r\n\r\n"
_MISSING = (404, {}, b"nothing here")
_MOST_BYTES = 65536


class QuickSite:
    """A web server that stands for restored shops; `pages` maps a path to (status, headers, body)."""

    def __init__(self):
        self.pages = {"/": (200, {"Content-Type": "text/html"}, b"<h1>Welcome</h1>")}
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, name="shops", daemon=True).start()

    def close(self):
        # `close` alone wakes nobody who waits for a connection
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self):
        while True:
            try:
                connection, _address = self._socket.accept()
            except OSError:
                return
            with connection:
                self._answer(connection)

    def _answer(self, connection):
        asked = b""
        while _END not in asked and len(asked) < _MOST_BYTES:
            piece = connection.recv(_MOST_BYTES)
            if not piece:
                return
            asked += piece
        status, headers, body = self.pages.get(asked.split(b" ", 2)[1].decode("ascii"), _MISSING)
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Length: {len(body)}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        connection.sendall("\r\n".join(lines).encode("ascii") + _END + body)
