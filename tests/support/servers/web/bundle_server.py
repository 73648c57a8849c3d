"""A real HTTP server of one bundle, with the habits of many: without ranges, cut short, changed meanwhile, silent."""

import http.server
import threading
from contextlib import suppress


class BundleServer:
    """Serves one file; breaks off after `budget` bytes of an answer, honours ranges unless a test says not to.

    With `pause` it sends so many bytes of an answer and the others once `go` (threading.Event) is set. `asked` are the
    ranges asked for, `marks` what they were said to belong to, None where there was none.
    """

    def __init__(self, content):
        self.content = content
        self.budget = self.pause = None
        self.go = threading.Event()
        self.ranges = True
        self.asked = []
        self.marks = []
        self.tokens = []
        self.mark = self.redirect = self.status = None
        self.after = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.serve(self)

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/shop.bundle"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def serve(self, handler):
        wanted = handler.headers.get("Range")
        self.asked.append(wanted)
        self.marks.append(handler.headers.get("If-Range"))
        self.tokens.append(handler.headers.get("Authorization"))
        if self.redirect or self.status:
            handler.send_response(self.status or 302)
            handler.send_header("Location", self.redirect or "/")
            handler.end_headers()
            return
        resumes = wanted and self.ranges and handler.headers.get("If-Range", self.mark) == self.mark
        start = int(wanted[6:-1]) if resumes else 0
        body = self.content[start:]
        handler.send_response((206 if body else 416) if resumes else 200)
        if resumes:
            handler.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        if self.mark:
            handler.send_header("ETag", self.mark)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        self._send(handler, body if self.budget is None else body[: self.budget])
        handler.close_connection = True
        if self.after:
            self.after.pop(0)()

    def _send(self, handler, body):
        # The caller may have been killed
        with suppress(BrokenPipeError, ConnectionResetError):
            handler.wfile.write(body[: self.pause])
            if self.pause is not None and self.go.wait():
                handler.wfile.write(body[self.pause :])

    def close(self):
        self.go.set()
        self._server.shutdown()
        self._server.server_close()
