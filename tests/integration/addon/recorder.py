"""A controller that answers as configured and takes no request whose signature is not right."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from controller.web.api.signed_requests import signature

KEY = "whmcs"
SECRET = "5e" * 32


class Recorder:
    """`answers` are used up one by one, the last one for ever: (status, content type, text), or
    "hang" or "cut". With `hold`, GET is answered only once `release` is set."""

    def __init__(self):
        self.requests, self.signatures, self.wrong = [], set(), []
        self.answers = [(202, "application/json", '{"state": "received", "percent": 0}')]
        self.release, self.hold = threading.Event(), False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, status, document, content_type="application/json"):
        """From now on answer so."""
        text = document if isinstance(document, str) else json.dumps(document)
        self.answers = [(status, content_type, text)]

    def refuse(self, status, code):
        """From now on answer with a problem document."""
        problem = {"code": code, "detail": f"detail of {code}", "message": code, "advice": f"advice for {code}"}
        self.answer(status, problem, "application/problem+json")

    def events(self):
        """Return the kinds of the events that came, in order."""
        return [body["event"] for _id, method, _path, body in self.requests if method == "POST"]

    def close(self):
        """Stop; callers that hang are let go."""
        self.release.set()
        self._server.shutdown()
        self._server.server_close()

    def take(self, request, method, body):
        """Note a request; raise AssertionError when it would be refused."""
        name = {word: request.headers.get(f"X-Shoplaunch-{word}", "") for word in ("Key", "Timestamp", "Event")}
        given = request.headers.get("X-Shoplaunch-Signature", "")
        right = signature(SECRET.encode(), name["Timestamp"], name["Event"], method, request.path, body)
        assert name["Key"] == KEY and abs(time.time() - int(name["Timestamp"])) < 300, name
        assert given == right, "the signature is wrong"
        assert given not in self.signatures, "the signature was used before"
        self.signatures.add(given)
        self.requests.append((name["Event"], method, request.path, json.loads(body) if body else None))

    def _handler(self):
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer_it("GET")

            def do_POST(self):
                self.answer_it("POST")

            def answer_it(self, method):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                try:
                    recorder.take(self, method, body)
                except (AssertionError, ValueError) as problem:
                    recorder.wrong.append(str(problem))
                answer = recorder.answers.pop(0) if len(recorder.answers) > 1 else recorder.answers[0]
                if answer == "hang":
                    recorder.release.wait(120)
                    return
                if answer == "cut":
                    self.close_connection = True
                    return
                if recorder.hold and method == "GET":
                    recorder.release.wait(120)
                status, content_type, text = answer
                content = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_ignored):
                """Quiet."""

        return Handler
