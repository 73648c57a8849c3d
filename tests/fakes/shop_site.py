"""A real web server that stands for a restored shop: pages by path, every request's Host remembered."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ShopSite:
    """`pages` maps a path to (status, headers, body); what is not there is a 404."""

    def __init__(self):
        self.pages = {"/": (200, {"Content-Type": "text/html"}, b"<h1>Welcome</h1>")}
        self.requests = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests.append((self.path, self.headers["Host"], self.headers.get("Cookie")))
                status, headers, body = outer.pages.get(self.path, (404, {}, b"nothing here"))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
