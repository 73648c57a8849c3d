"""A sender that is slow, or never closes, holds no thread of the web server: it answers all others."""

import collections
import contextlib
import json
import resource
import socket
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from shared.events import make_event
from tests.attacks.table import attack
from tests.support.worlds.web_site import an_order

THREADS = 8
SECONDS = 40
POST = b"POST /api/v1/agent/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n"
#: From any sender, its body is read: what it is signed by is looked at afterwards.
ORDER = (
    b"POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nX-Shoplaunch-Key: billing\r\nX-Shoplaunch-Timestamp: %d\r\n"
    b"X-Shoplaunch-Event: 11111111-1111-1111-1111-111111111111\r\nX-Shoplaunch-Signature: v1=" + 64 * b"0" + b"\r\n"
)
CHUNKED = ORDER + b"Transfer-Encoding: chunked\r\n\r\n"
PARTS = {
    "nothing": b"",
    "half a line": b"GET /heal",
    "half a header": b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: ",
    "half a body": POST + b"Content-Length: 500\r\n\r\n{",
    "half a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n100\r\n{",
    "a terabyte": POST + b"Content-Length: 1099511627776\r\n\r\n{",
    "a page with a terabyte": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1099511627776\r\n\r\n{",
    "a second request": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /heal",
    # What may pass for whole where it is counted, and is not where it is read
    "a size with noughts": CHUNKED + b"0000000FF\r\n" + 15 * b"x" + b"\r\n0\r\n\r\n",
    "a long extension": CHUNKED + b"5;" + 310 * b"x",
    "an extension and half a chunk": CHUNKED + b"5;" + 250 * b"x" + b"\r\nab",
    "a bare line feed": CHUNKED + b"5\n",
    "a length with noughts": ORDER + b"Content-Length: 0000000000000000500\r\n\r\n{",
    "headers without end": b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + 9 * (b"A: " + 8000 * b"a" + b"\r\n"),
}


@contextlib.contextmanager
def open_to(site, count, part, sender="127.0.0.1"):
    """So many connections of the address `sender` have sent `part` and nothing more."""
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            opened = socket.create_connection(("127.0.0.1", site.port), SECONDS, (sender, 0))
            connection = stack.enter_context(opened)
            connection.sendall(part.replace(b"%d", b"%d" % time.time(), 1))
            found.append(connection)
        yield found


def answer(connection):
    """Return what the server answers until it closes."""
    connection.settimeout(SECONDS)
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.sampled(of=2)
@attack(
    "strangers open more connections than there are threads and send half a request on each",
    "heartbeats and orders are answered all the same",
)
@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_half_requests_hold_no_thread(site, part):
    job = site.put(site.order(), "restoring", step="agent")
    with open_to(site, 4 * THREADS, part):
        time.sleep(0.5)
        for _ in range(3):
            headers = {"Authorization": f"Bearer {site.agent_token(job)}"}
            beat = make_event(job.id, 1, 0, "heartbeat", time.time())
            url = site.url + "/api/v1/agent/events"
            assert requests.post(url, json=beat, headers=headers, timeout=SECONDS).status_code == 202
        body = json.dumps(an_order()).encode()
        assert site.signed("POST", "/api/v1/orders", body).status_code == 202


#: As much as is read of a request, a byte a chunk: to take it apart takes many times what it takes to send it.
BYTE_BY_BYTE = CHUNKED + 170_000 * b"1\r\nx\r\n" + b"0\r\n\r\n"


@attack(
    "strangers send a body in hundreds of thousands of chunks",
    "it is refused after a few thousand, and everybody else is answered",
)
def test_a_body_in_very_many_chunks_is_refused(site):
    with open_to(site, THREADS, BYTE_BY_BYTE) as found:
        assert requests.get(site.url + "/healthz", timeout=SECONDS).status_code == 200
        for connection in found:
            assert answer(connection).startswith(b"HTTP/1.1 400 ")


#: A size of as many digits as are read: no machine can count bytes so far.
ENDLESS = CHUNKED + b"ffffffffffffffff\r\nx\r\n"


@attack(
    "a stranger says that a chunk of the body is longer than any memory",
    "the rest is waited for as anybody's is, and the process goes on",
)
def test_a_chunk_beyond_all_memory_ends_no_process(site):
    number = site.worker_process()
    with open_to(site, 1, ENDLESS):
        assert requests.get(site.url + "/healthz", timeout=SECONDS).status_code == 200
    assert site.worker_process() == number


@attack("strangers read their answer and never close", "nobody waits for them")
def test_connections_that_are_never_closed_hold_nothing_up(site):
    with open_to(site, 100, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") as found:
        time.sleep(1)
        # Two seconds for each of them are more than anybody waits
        assert requests.get(site.url + "/healthz", timeout=SECONDS).status_code == 200
        for connection in found:
            assert b" 200 " in connection.recv(65536)


#: Its answers are far more than a system keeps for a connection.
ASKED_ON = 400 * b"GET /static/shoplaunch.css HTTP/1.1\r\nHost: x\r\n\r\n"


@attack(
    "strangers send request after request on a connection, and read no answer",
    "no thread waits for them: their next request is taken up once there is room for its answer",
)
def test_who_asks_on_without_reading_holds_no_thread(site):
    with contextlib.ExitStack() as stack:
        for _ in range(8 * THREADS):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", site.port))
            connection.sendall(ASKED_ON)
        time.sleep(2)
        for _ in range(3):
            assert requests.get(site.url + "/healthz", timeout=SECONDS / 2).status_code == 200


def test_answers_to_requests_one_behind_the_other_are_whole_however_slowly_they_are_read(site):
    asked = 60
    last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", site.port))
        connection.sendall(ASKED_ON[: asked * len(ASKED_ON) // 400] + last)
        time.sleep(1)
        assert answer(connection).count(b"HTTP/1.1 200 ") == asked + 1


#: More than a server accepts at once.
MANY = 1200
KEPT = {
    "after an answer": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "before a request": b"",
    "in the middle of one": PARTS["half a line"],
}


@contextlib.contextmanager
def more_files(count):
    """This process may open so many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(count, hard)), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@attack(
    "an account of the controller's machine opens more connections than are accepted, and keeps them",
    "those that have waited longest are closed, and everybody else is answered",
)
@pytest.mark.parametrize("first", KEPT.values(), ids=KEPT)
def test_connections_that_are_kept_keep_nobody_out(site, first):
    with more_files(2 * MANY), open_to(site, MANY, first):
        time.sleep(1)
        for _ in range(3):
            assert requests.get(site.url + "/healthz", timeout=SECONDS).status_code == 200


@attack(
    "a stranger opens connections and sends half a request on each, faster than others' requests come over the network",
    "those of the stranger make room for each other: a request of another address that has begun is answered",
)
def test_who_opens_most_makes_room(site):
    begun = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    with more_files(2 * MANY), open_to(site, 1, begun) as (first,), open_to(site, MANY, begun, "127.0.0.2"):
        time.sleep(1)
        first.sendall(b"\r\n")
        assert answer(first).startswith(b"HTTP/1.1 200 ")


@attack(
    "connections of every kind are opened until the process may open no more files",
    "the oldest make room, and the web server goes on",
)
def test_a_process_without_files_left_goes_on(site):
    number = site.worker_process()
    before = resource.prlimit(number, resource.RLIMIT_NOFILE)
    resource.prlimit(number, resource.RLIMIT_NOFILE, (120, before[1]))
    try:
        with more_files(2 * MANY), contextlib.ExitStack() as stack:
            for first in (*KEPT.values(), b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):
                stack.enter_context(open_to(site, 150, first))
            time.sleep(1)
            assert requests.get(site.url + "/healthz", timeout=SECONDS).status_code == 200
    finally:
        resource.prlimit(number, resource.RLIMIT_NOFILE, before)
    assert site.worker_process() == number


def dripping(site, count):
    """Open so many connections one after the other; the last of them send a byte each time."""
    found = collections.deque(maxlen=150)
    for _ in range(count):
        with contextlib.suppress(OSError):
            found.append(socket.create_connection(("127.0.0.1", site.port), SECONDS))
            found[-1].sendall(b"GET /h")
        for one in found:
            with contextlib.suppress(OSError):
                one.send(b"a")
    for one in found:
        one.close()


@attack(
    "more connections than are kept send on while the oldest are given up",
    "what came from those that are gone is nobody's, and the process goes on",
)
def test_who_is_given_up_while_sending_ends_no_process(site):
    number = site.worker_process()
    with more_files(2 * MANY), ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(dripping, site, 500) for _ in range(6)]:
            done.result(6 * SECONDS)
    assert requests.get(site.url + "/healthz", timeout=SECONDS).status_code == 200
    assert site.worker_process() == number, site.log()[-3000:]


def test_a_request_that_comes_byte_by_byte_is_answered(site):
    with open_to(site, 1, b"") as (connection,):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":
            connection.sendall(bytes([byte]))
        assert b" 200 " in answer(connection)


def test_requests_one_behind_the_other_are_all_answered(site):
    one = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with open_to(site, 1, one + one + last[:20]) as (connection,):
        connection.sendall(last[20:])
        assert answer(connection).count(b"HTTP/1.1 200 ") == 3


def test_a_kept_connection_is_answered_again_and_again(site):
    with requests.Session() as session:
        for _ in range(5):
            assert session.get(site.url + "/healthz", timeout=SECONDS).status_code == 200
            assert session.get(site.url + "/admin/login", timeout=SECONDS).status_code == 200


def test_who_waits_for_a_word_before_the_body_hears_it(site):
    job = site.put(site.order(), "restoring", step="agent")
    body = json.dumps(make_event(job.id, 1, 0, "heartbeat", time.time())).encode()
    head = b"POST /api/v1/agent/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n"
    head += b"Authorization: Bearer %s\r\n" % site.agent_token(job).encode()
    with open_to(site, 1, head + b"Content-Length: %d\r\n\r\n" % len(body)) as (connection,):
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert b" 202 " in answer(connection)


def test_a_body_in_chunks_is_read(site):
    job = site.put(site.order(), "restoring", step="agent")
    body = json.dumps(make_event(job.id, 1, 0, "heartbeat", time.time())).encode()
    headers = {"Authorization": f"Bearer {site.agent_token(job)}"}
    pieces = (bytes([byte]) for byte in body)
    taken = requests.post(site.url + "/api/v1/agent/events", data=pieces, headers=headers, timeout=SECONDS)
    assert taken.status_code == 202


def test_a_refusal_of_megabytes_is_read_by_who_sends_them_first(site):
    body = json.dumps(an_order(first_name="x" * 3 * 1024 * 1024)).encode()
    refused = site.signed("POST", "/api/v1/orders", body, event=str(uuid.uuid4()))
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "chunks", [b"-1\r\nabc", b" 5\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloXX0\r\n\r\n", b"5;\x01\r\nhello"]
)
def test_a_body_that_cannot_be_read_is_the_senders_fault(site, chunks):
    head = CHUNKED.replace(b"Transfer", b"Connection: close\r\nTransfer", 1)
    with open_to(site, 1, head + chunks) as (connection,):
        connection.shutdown(socket.SHUT_WR)
        assert b" 500 " not in answer(connection)
    assert "InvalidChunk" not in site.log()
