"""Calls to one origin: connections kept and given up, deadlines counted by a clock, limits counted in bytes."""

import socket
import ssl
import threading
from types import SimpleNamespace

import pytest

from controller.network import json_body
from controller.network.exchange import BoundedSocket, Exchange, TooLarge
from controller.network.failures import BROKE, LARGE, UNREACHABLE, NetworkError
from controller.network.http_client import HttpClient, HttpRequest, Limits, Origin
from controller.network.resolver import resolve
from controller.network.words import shown
from tests.support.clock import Clock
from tests.support.hostile_server import HostileServer
from tests.support.machine.dead_address import dead_address
from tests.support.servers.web.tls_site import Authority, TlsSite

LIMITS = Limits(seconds=60, body_bytes=1000)
GET = HttpRequest("GET", "/")


class Answering:
    """Answers each request of a connection with the next of `answers` (bytes), and closes it after the last one unless
    it `stays`; counts connections."""

    def __init__(self, *answers, stays=False):
        self.answers, self.connections, self._stays = list(answers), 0, stays
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.origin = Origin("127.0.0.1", self._listener.getsockname()[1])
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                found, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(found,), daemon=True).start()

    def _serve(self, found):
        with found:
            while self.answers and found.recv(65536):
                found.sendall(self.answers.pop(0))
            if self._stays:
                found.recv(1)

    def __enter__(self):
        return self

    def __exit__(self, *_failure):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def answer(body=b"{}", *headers):
    return b"\r\n".join([b"HTTP/1.1 200 OK", *headers, b"Content-Length: %d" % len(body), b"", body])


def known_as(monkeypatch, *addresses):
    """Name servers give `addresses`, as socket.getaddrinfo returns them, for every name; return the names asked for."""
    asked = []

    def found(host, port, **_how):
        asked.append((host, port))
        return list(addresses)

    monkeypatch.setattr("socket.getaddrinfo", found)
    return asked


def address_of(origin, family=socket.AF_INET):
    return family, socket.SOCK_STREAM, 0, "", (origin.host, origin.port)


def kind_of(call):
    with pytest.raises(NetworkError) as caught:
        call()
    return caught.value.kind


def test_a_connection_serves_the_next_call():
    with Answering(answer(b"one"), answer(b"two"), answer(b"three")) as server:
        client = HttpClient(server.origin, kept=2)
        assert [client.ask(GET, LIMITS).body for _ in range(3)] == [b"one", b"two", b"three"]
        assert server.connections == 1


@pytest.mark.parametrize(
    "first",
    [answer() + b"more", answer(b"{}", b"Connection: close"), b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"],
    ids=["more than announced", "closed", "of old"],
)
def test_a_connection_whose_answer_went_on_serves_no_other_call(first):
    with Answering(first, stays=True) as server:
        client = HttpClient(server.origin, kept=2)
        assert client.ask(GET, LIMITS).body == b"{}"
        server.answers.append(answer(b"own"))
        assert client.ask(GET, LIMITS).body == b"own"
        assert server.connections == 2


def test_no_connection_is_kept_unless_asked_for():
    with Answering(answer(), answer()) as server:
        client = HttpClient(server.origin)
        assert client.ask(GET, LIMITS).status == client.ask(GET, LIMITS).status == 200
        assert server.connections == 2


@pytest.mark.parametrize("size", [1000, 1001])
def test_a_body_may_have_as_many_bytes_as_are_allowed_and_none_more(size):
    body = b"x" * size
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (size, body)
    for whole in (answer(body), chunked, b"HTTP/1.1 200 OK\r\n\r\n" + body):
        with Answering(whole) as server:
            server.answers = [whole]
            cut = Limits(60, 1000, is_cut=True)
            call = lambda: HttpClient(server.origin).ask(GET, LIMITS).body  # noqa: E731
            assert call() == body if size == 1000 else kind_of(call) == LARGE
        with Answering(whole) as server:
            assert HttpClient(server.origin).ask(GET, cut).body == body[:1000]


def test_an_answer_that_ends_early_is_none():
    with Answering(answer(b"half")[:-2]) as server:
        assert kind_of(lambda: HttpClient(server.origin).ask(GET, LIMITS)) == BROKE


def test_an_address_where_nobody_is_leaves_time_for_the_next(monkeypatch):
    with Answering(answer()) as server, dead_address() as dead:
        known_as(monkeypatch, address_of(Origin(*dead)), address_of(server.origin))
        assert HttpClient(Origin("shop.example", 80)).ask(GET, Limits(6, 1000)).body == b"{}"


def test_an_address_this_machine_knows_no_way_to_is_passed_over(monkeypatch):
    with Answering(answer()) as server:
        known_as(monkeypatch, address_of(server.origin, socket.AF_UNSPEC), address_of(server.origin))
        assert HttpClient(Origin("shop.example", 80)).ask(GET, LIMITS).body == b"{}"


@pytest.mark.parametrize(
    ("host", "name"),
    [("müller.example", "xn--mller-kva.example"), ("بیلینگ.example", "xn--ngb0dg43bseb.example")],
    ids=["Latin", "Arabic"],
)
@pytest.mark.parametrize("port", [443, 8443])
def test_a_host_in_any_script_has_one_name_for_name_servers_certificate_and_server(
    host, name, port, monkeypatch, tmp_path
):
    authority = Authority(tmp_path)
    site = TlsSite(authority.issue(name))
    try:
        asked = known_as(monkeypatch, address_of(Origin("127.0.0.1", site.port)))
        context = ssl.create_default_context(cafile=authority.file)
        origin = Origin.of(f"https://{host}:{port}/", context)
        assert HttpClient(origin).ask(GET, LIMITS).status == 200
    finally:
        site.close()
    shown = name if port == 443 else f"{name}:{port}"
    assert (asked, site.names, site.requests) == ([(name, port)], [name], [("/", shown)])


@pytest.mark.parametrize("host", ["\u2060", "a" * 64 + "é.example", "ü..example"])
def test_what_is_no_host_in_any_script_is_not_asked(host):
    with pytest.raises(NetworkError) as caught:
        HttpClient(Origin(host, 80)).ask(GET, LIMITS)
    assert not caught.value.was_connected


class Refusing(Answering):
    """Answers as soon as it has read the beginning of a request, and closes the connection with the rest unread."""

    def _serve(self, found):
        with found:
            found.recv(100)
            found.sendall(self.answers.pop(0))


def serving(authority):
    """Return what a server at 127.0.0.1 needs to serve over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue("127.0.0.1"))
    return context


def test_a_refusal_before_the_request_was_sent_whole_is_read():
    refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}"
    with Refusing(refusal, answer(b"own")) as server:
        client = HttpClient(server.origin, kept=1)
        found = client.ask(HttpRequest("POST", "/", body=b"x" * 16_000_000), LIMITS)
        assert (found.status, found.body) == (401, b"{}")
        # A connection on which half of a request lies serves no other one
        assert client.ask(GET, LIMITS).body == b"own"
        assert server.connections == 2


def test_a_connection_that_breaks_without_an_answer_is_broken():
    with Refusing(b"") as server:
        with pytest.raises(NetworkError) as caught:
            HttpClient(server.origin).ask(HttpRequest("POST", "/", body=b"x" * 16_000_000), LIMITS)
        assert (caught.value.kind, caught.value.was_connected) == (BROKE, True)


def test_what_came_encrypted_behind_an_answer_is_no_answer_to_the_next_call(tmp_path):
    authority = Authority(tmp_path)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 8000\r\nX-Fill: %b\r\n\r\n"
    # The answer ends where a buffer of 8 KiB ends, in the middle of what is encrypted as one
    first = head % (b"x" * (8192 - 8000 - len(head) + len(b"%b"))) + b" " * 8000
    sent = [first + answer(b"evil"), answer(b"own")]

    def behaves(send, wait):
        send(sent.pop(0))
        wait(60)

    with HostileServer(behaves, serving(authority)) as server:
        origin = Origin("127.0.0.1", server.port, ssl.create_default_context(cafile=authority.file))
        client = HttpClient(origin, kept=1)
        assert client.ask(GET, Limits(60, 10_000)).body == b" " * 8000
        assert client.ask(GET, LIMITS).body == b"own"


def test_who_is_not_there_was_not_asked():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        origin = Origin("127.0.0.1", closed.getsockname()[1])
    with pytest.raises(NetworkError) as caught:
        HttpClient(origin).ask(GET, LIMITS)
    assert (caught.value.kind, caught.value.was_connected) == (UNREACHABLE, False)


def test_after_the_deadline_nothing_is_read_however_much_there_is():
    clock = Clock()
    exchange = Exchange(10, clock)
    exchange.allow(100)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"x" * 50)
        stream = BoundedSocket(ours, exchange).makefile("rb")
        assert stream.read(1) == b"x"
        theirs.sendall(b"x" * 50)
        clock.pass_by(9)
        assert exchange.left() == 1
        clock.pass_by(1)
        with pytest.raises(TimeoutError):
            exchange.left()
        with pytest.raises(TimeoutError):
            stream.read(60)
        with pytest.raises(TimeoutError):
            BoundedSocket(ours, exchange).sendall(b"x")


def test_a_step_may_have_less_time_than_the_whole():
    clock = Clock()
    exchange = Exchange(300, clock, step_seconds=30)
    assert (exchange.left(), exchange.left(15)) == (30, 15)
    clock.pass_by(280)
    assert exchange.left() == 20


def test_name_servers_and_handshakes_have_what_is_left_of_the_whole(monkeypatch):
    clock, given = Clock(), []
    monkeypatch.setattr(
        "controller.network.exchange.resolve", lambda _host, _port, seconds: given.append(seconds) or []
    )
    context = SimpleNamespace(wrap_socket=lambda plain, server_hostname: given.append(plain.gettimeout()))
    exchange = Exchange(10, clock)
    clock.pass_by(4)
    with pytest.raises(OSError, match="no address"):
        exchange.connect("shop.example", 443)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        clock.pass_by(3)
        exchange.encrypt(ours, context, "shop.example")
        assert given == [6, 3]
        clock.pass_by(3)
        with pytest.raises(TimeoutError):
            exchange.connect("shop.example", 443)
        with pytest.raises(TimeoutError):
            exchange.encrypt(ours, context, "shop.example")
    assert given == [6, 3]


def test_questions_that_could_not_be_asked_take_nobodys_place(monkeypatch):
    def full(_thread):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", full)
        for _ in range(40):
            with pytest.raises(MemoryError):
                resolve("localhost", 80, 0.01)
    assert resolve("localhost", 80, 60)


def test_no_more_bytes_come_in_than_were_allowed():
    exchange = Exchange(60)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"x" * 11)
        exchange.allow(10)
        with pytest.raises(TooLarge):
            BoundedSocket(ours, exchange).makefile("rb").read(11)


def test_nothing_is_unpacked_and_nothing_packed_asked_for():
    def packed(send, _wait):
        send(answer(b"\x1f\x8bpacked", b"Content-Encoding: gzip"))

    with HostileServer(packed) as server:
        found = HttpClient(Origin("127.0.0.1", server.port)).ask(GET, LIMITS)
        assert found.body == b"\x1f\x8bpacked"
        assert b"Accept-Encoding: identity" in server.asked[0] and b"gzip" not in server.asked[0]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[" * 100_000, b"[" + b"[]," * 300_000 + b"1]", b"[1e999]", b"[NaN]", b"[Infinity]", b"\xff",
     b"[" + b"9" * 5000 + b"]"],
    ids=["empty", "cut", "deep", "many", "infinite", "no number", "infinity", "no text", "long"],
)  # fmt: skip
def test_what_is_no_document_to_work_with_is_refused_as_none(body):
    with pytest.raises(ValueError):
        json_body.parse(body)


def test_a_document_is_read():
    assert json_body.parse(b'\xef\xbb\xbf{"a": [1, 2.5, null, "\xd9\x81"]}') == {"a": [1, 2.5, None, "ف"]}


def test_a_name_in_another_encoding_spoils_nothing_but_itself():
    assert json_body.parse(b'[{"file": "caf\xe9.jpg", "size": 3}]') == [{"file": "caf\ufffd.jpg", "size": 3}]


def test_words_of_others_are_one_short_line_of_text():
    assert shown("a\x1b[2J\x07 b\r\n\u202ec\u2066 \ud800 d", 100) == "a\ufffd[2J\ufffd b \ufffdc\ufffd \ufffd d"
    assert shown("x" * 10**6, 300) == "x" * 300
