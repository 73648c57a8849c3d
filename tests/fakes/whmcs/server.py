"""The API's door: who may come in, how it answers, and every way in which the real one disappoints."""

import contextlib
import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

from controller.panels.local.private_stack.stack import free_port
from tests.fakes.whmcs.actions import ACTIONS, CHANGES, UNMARKED
from tests.fakes.whmcs.books import Books, Refused

MAINTENANCE = b"<!doctype html><html><title>Down for Maintenance</title><p>Be right back.</p></html>"
IDENTIFIER, SECRET = "9XrTNvB2identifier", "s3cr3t-of-the-credential"
#: What may happen to a call: done, but the answer lost; not done and the connection lost; done after the caller is
#: gone; the connection lost at once, and done later; a page instead of an answer; a server's error; answered, and then
#: nobody listens until `open`.
MOODS = ("cut", "broken", "slow", "late", "html", "http500", "last")
#: How lists come: wrapped; GetEmails as documented; without the inner wrapper; with numbers that are ints.
SHAPES = ("normal", "flat", "lists", "numbers")


@dataclass
class Options:
    """What installations differ in; every field may be changed while the double runs."""

    allowed: set | None = None  # source addresses that are let in; None: all
    access_key: str = ""  # opens the address list
    role: set = field(default_factory=lambda: set(ACTIONS))  # the actions of the credential
    moods: dict = field(default_factory=dict)  # action or "*" -> what happens to its next calls, one each
    slow_seconds: float = 3.0
    shape: str = "normal"
    largest_page: int | None = None  # how many rows a list has at most, whatever is asked for


class Whmcs(Options):
    """A running double. `books` is what it knows; `calls` are (action, form) of every call that was let in."""

    def __init__(self, certificate=None, key=None, books=None):
        super().__init__()
        self.books = books or Books()
        #: client -> the Options that hold for calls about it instead of these.
        self.options_of = {}
        self.calls, self.raw, self._busy = [], [], set()
        self._go_on = threading.Event()
        self._files = certificate, key
        self._port = free_port()
        self.open()
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self._port}/billing"

    def open(self):
        """Listen, on the same port as before."""
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                owner._answer(self)

            def do_GET(self):
                self._plain(404, b"Not Found", "text/html")

            def _plain(self, status, content, kind):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(content)

            def log_message(self, *_about):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self.server.daemon_threads = True
        certificate, key = self._files
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        """Nobody answers any more."""
        self.server.shutdown()
        self.server.server_close()

    def named(self, action):
        """Return the forms of the calls of `action`."""
        return [form for name, form in self.calls if name == action]

    def rest(self, seconds=120):
        """Wait until no call is under way; one that is slow is so no longer."""
        self._go_on.set()
        deadline = time.monotonic() + seconds
        while self._busy and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not self._busy
        self._go_on.clear()

    def _answer(self, handler):
        self._busy.add(handler)
        try:
            self._serve(handler)
        finally:
            self._busy.discard(handler)

    def _serve(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", "0"))).decode("utf-8")
        self.raw.append((handler.path, body))
        if handler.path != "/billing/includes/api.php":
            handler._plain(404, b"Not Found", "text/html")
            return
        if handler.headers.get_content_type() != "application/x-www-form-urlencoded":
            handler._plain(200, b"<result>error</result>", "text/xml")
            return
        form = dict(parse_qsl(body, keep_blank_values=True, strict_parsing=True))
        if form.get("responsetype") != "json":
            handler._plain(200, b"<?xml version='1.0'?><whmcsapi><result>error</result></whmcsapi>", "text/xml")
            return
        options = self.options_of.get(self.books.client_of(form), self)
        status, document = self._let_in(options, form, handler.client_address[0])
        if document is None:
            status, document = self._act(handler, options, form)
        if document is not None:
            handler._plain(status, json.dumps(document).encode("utf-8"), "application/json")

    def _let_in(self, options, form, address):
        key = bool(options.access_key) and form.get("accesskey") == options.access_key
        if options.allowed is not None and address not in options.allowed and not key:
            return 403, _error(f"Invalid IP {address}")
        if (form.get("identifier"), form.get("secret")) != (IDENTIFIER, SECRET):
            return 403, _error("Authentication Failed")
        action = form.get("action", "")
        if action not in ACTIONS:
            return 200, _error("An API Action must be specified" if not action else "Command Not Found")
        if action not in options.role:
            return 200, _error(f'Invalid Permissions: API action "{action.lower()}" is not allowed')
        return 200, None

    def _act(self, handler, options, form):
        """Return (status, document), (0, None) when no answer is to be sent."""
        action = form["action"]
        moods = options.moods.get(action) or options.moods.get("*") or []
        mood = moods.pop(0) if moods else ""
        if mood == "html":
            handler._plain(200, MAINTENANCE, "text/html")
            return 0, None
        if mood == "http500":
            return 500, _error("Oops! Something went wrong.")
        if mood == "broken":
            _cut(handler)
            return 0, None
        self.calls.append((action, form))
        if mood == "late":
            _cut(handler)
        if mood in ("slow", "late"):
            self._go_on.wait(options.slow_seconds)
        if options.largest_page is not None and "limitnum" in form:
            form = {**form, "limitnum": str(min(int(form["limitnum"]), options.largest_page))}
        try:
            with self.books.guard:
                document = ACTIONS[action](self.books, form)
            if action not in UNMARKED:
                document = {"result": "success", **document}
        except Refused as refusal:
            return 200, _error(str(refusal))
        if mood in ("cut", "slow", "late"):
            _cut(handler)
            return 0, None
        if mood == "last":
            self.close()
        return 200, _shaped(options.shape, document)


def _shaped(shape, document):
    if shape == "numbers":
        return json.loads(json.dumps(document), object_hook=_with_numbers)
    for outer, inner in (("emails", "email"), ("tickets", "ticket"), ("products", "product"), ("replies", "reply")):
        found = document.get(outer)
        if isinstance(found, dict) and shape == "lists":
            document[outer] = found[inner]
        if isinstance(found, dict) and shape == "flat" and outer == "emails":
            rows = enumerate(document.pop(outer)[inner])
            document |= {f"emails[email][{n}][{key}]": value for n, row in rows for key, value in row.items()}
    if shape == "lists":
        empty = [name for name in ("emails", "tickets") if document.get(name) == ""]
        document |= {name: [] for name in empty}
    return document


def _with_numbers(found):
    texts = ("tid", "subject", "message")
    return {
        name: int(value) if isinstance(value, str) and value.isdigit() and name not in texts else value
        for name, value in found.items()
    }


def _error(message):
    return {"result": "error", "message": message}


def _cut(handler):
    handler.close_connection = True
    with contextlib.suppress(OSError):
        handler.connection.shutdown(socket.SHUT_RDWR)


__all__ = ["CHANGES", "IDENTIFIER", "SECRET", "Whmcs"]
