"""A real web server that stands for a restored shop: pages by path, every request's Host remembered."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

from tests.support.answers import send_answer


class ShopSite:
    """`pages` maps a path to (status, headers, body); what is not there is a 404. `posts` maps a path to a function
    of (form, cookies) that returns the same, `inside` is a page's answer to who sends the cookie it names."""

    def __init__(self, host="127.0.0.1"):
        self.pages = {"/": (200, {"Content-Type": "text/html"}, b"<h1>Welcome</h1>")}
        self.posts = {}
        #: path -> (cookie, answer): only who sends that cookie gets it.
        self.inside = {}
        self.requests = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests.append((self.path, self.headers["Host"], self.headers.get("Cookie")))
                cookie, answer = outer.inside.get(self.path, (None, None))
                if cookie is None or cookie not in (self.headers.get("Cookie") or ""):
                    answer = outer.pages.get(self.path, (404, {}, b"nothing here"))
                send_answer(self, *answer)

            def do_POST(self):
                outer.requests.append((self.path, self.headers["Host"], self.headers.get("Cookie")))
                form = dict(
                    parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode(), keep_blank_values=True)
                )
                send_answer(self, *outer.posts[self.path](form, self.headers.get("Cookie") or ""))

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
