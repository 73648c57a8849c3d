"""What a site may answer instead of the starter, and what is made of it: each ends in time, with the right reason."""

import http.server
import ssl
import threading
import time

import pytest

from controller.network.http_client import Origin
from controller.panels.cpanel.start import web_start
from controller.panels.cpanel.start.starter import Starter
from tests.attacks.table import attack

STARTER = Starter(b"key", "abcdefgh", 1)
HOST = "shop.example"
OURS = b'{"starter": "%s", "started": "proc_open", "reason": ""}' % STARTER.nonce.encode()
#: Nobody waits so long; it only stops a hang.
SECONDS = 2.0


class Site:
    """Answers by `answers`, one after the other, the last again and again: (status, headers, body), or a function."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                site.asked.append((self.command, self.path, self.headers["Host"]))
                answer = site.answers[0] if len(site.answers) == 1 else site.answers.pop(0)
                if callable(answer):
                    answer(self)
                    return
                status, headers, body = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Nothing is logged."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def port(self):
        return self.server.server_address[1]

    def ask(self, seconds=SECONDS):
        plain = Origin("127.0.0.1", self.port)
        place = web_start.Place(HOST, plain, lambda: plain, 443, f"{HOST}:{self.port}", HOST)
        return web_start.ask(place, STARTER, time.monotonic() + seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_it_is_asked_once_by_post_at_the_servers_address_with_the_shops_name():
    with Site((200, {}, OURS)) as site:
        assert site.ask().started
        assert site.asked == [("POST", f"/{STARTER.name}", f"{HOST}:{site.port}")]


def test_what_the_host_puts_around_every_page_does_no_harm():
    with Site((200, {}, b"<!-- free hosting -->\n" + OURS + b"\n<script>count()</script>")) as site:
        assert site.ask().started


@pytest.mark.parametrize(("first", "reason"), [
    ((301, {"Location": "https://elsewhere.example/"}, b""), "redirected"),
    ((200, {}, b"<html>It works!</html>"), "wrong_answer"),
    ((404, {}, b"not found"), "no_answer"),
])  # fmt: skip
def test_what_a_site_answered_stays_the_reason_when_the_last_request_gets_no_answer(first, reason):
    with Site(first, silent) as site:
        found = site.ask(1.0)
        assert (found.started, found.reason, found.gone, found.unsure) == (False, reason, False, True)
        assert len(site.asked) == 2


@attack("A host's default site answers 200 to everything", "that is no start: only the starter's own nonce is one")
@pytest.mark.parametrize("body", [
    b"<html>It works!</html>",
    b"",
    b'{"starter": "0123456789abcdef0123456789abcdef", "started": "proc_open", "reason": ""}',
    b'{"started": "proc_open"}',
    b'{"starter": "' + b"x" * 70_000 + OURS,
])  # fmt: skip
def test_another_answer_with_200_is_no_start(body):
    with Site((200, {}, body)) as site:
        found = site.ask(1.0)
        assert (found.started, found.reason, found.gone) == (False, "wrong_answer", False)


@attack("A firewall before the sites refuses the question", "it is asked once, not again: who insists is shut out")
@pytest.mark.parametrize("status", [401, 403, 405, 406, 418])
def test_a_refusal_is_final(status):
    with Site((status, {}, b"no")) as site:
        assert site.ask().reason == "refused_by_site"
        assert len(site.asked) == 1


@pytest.mark.parametrize("status", [404, 421, 429, 500, 503])
def test_a_site_that_is_not_there_yet_is_asked_again(status):
    with Site((status, {}, b"not yet"), (status, {}, b"not yet"), (200, {}, OURS)) as site:
        assert site.ask(30).started
        assert len(site.asked) == 3


def test_a_file_that_is_missing_to_the_end_is_gone():
    with Site((404, {}, b"not found")) as site:
        found = site.ask(1.0)
        assert found.gone and not found.started and not found.unsure


def test_a_server_that_failed_once_may_have_run_it():
    with Site((500, {}, b""), (404, {}, b"")) as site:
        found = site.ask(1.0)
        assert found.gone and found.unsure


@attack("A site leads the question to another host", "nobody follows")
@pytest.mark.parametrize("target", [
    "https://elsewhere.example/" + STARTER.name,
    f"https://{HOST}/other.php",
    f"https://{HOST}:444/{STARTER.name}",
    f"http://{HOST}/{STARTER.name}",
    "https://[broken/",
    "/cgi-sys/defaultwebpage.cgi",
])  # fmt: skip
def test_a_redirect_is_followed_nowhere_but_to_the_site_itself_over_tls(target):
    with Site((301, {"Location": target}, b"")) as site:
        found = site.ask(1.0)
        assert (found.started, found.reason) == (False, "redirected")
        assert {path for _, path, _ in site.asked} == {f"/{STARTER.name}"}


def test_a_site_that_leads_everybody_to_itself_over_tls_is_asked_there():
    with Site((301, {"Location": f"https://{HOST}/{STARTER.name}"}, b""), (200, {}, OURS)) as site:
        assert site.ask().started
        assert [host for _, _, host in site.asked] == [f"{HOST}:{site.port}", HOST]


def test_a_certificate_for_somebody_else_is_not_asked(tmp_path):
    context = ssl.create_default_context()
    with Site((301, {"Location": f"https://{HOST}/{STARTER.name}"}, b"")) as site:
        plain = Origin("127.0.0.1", site.port)
        secure = Origin("127.0.0.1", site.port, context, HOST)
        place = web_start.Place(HOST, plain, lambda: secure, 443, HOST, HOST)
        found = web_start.ask(place, STARTER, time.monotonic() + 1.0)
        assert not found.started and len(site.asked) == 1


def silent(handler):
    time.sleep(30)


def cut(handler):
    handler.connection.close()


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"x" * 65536)
    except OSError:
        return


def dripping(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.05)
    except OSError:
        return


@attack("A site hangs, drips, never ends or cuts the line", "the question ends in its time, and cron starts the agent")
@pytest.mark.parametrize("answer", [silent, cut, endless, dripping])
def test_a_hostile_site_holds_nobody_longer_than_the_time_given(answer):
    ended = threading.Event()
    with Site(answer) as site:

        def ask():
            assert not site.ask(1.0).started
            ended.set()

        threading.Thread(target=ask, daemon=True).start()
        assert ended.wait(25)


def test_a_port_nobody_listens_at_is_no_answer():
    with Site((200, {}, OURS)) as site:
        place = web_start.Place(HOST, Origin("127.0.0.1", 1), lambda: Origin("127.0.0.1", 1), 443, HOST, HOST)
        found = web_start.ask(place, STARTER, time.monotonic() + 1.0)
        assert (found.started, found.reason, found.unsure) == (False, "no_answer", False)
        assert site.asked == []
