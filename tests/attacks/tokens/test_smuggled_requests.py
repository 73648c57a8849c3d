"""What stands in a request's body is never taken for a request of its own, however the body's length is written."""

import socket

import pytest

from tests.attacks.table import attack

SECONDS = 30
#: What a server in front takes for the body of a request it lets through, and would not have let through itself.
INNER = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = b"POST /PLACE HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
#: Two parts of a request: the second comes once the first was answered, if it was.
PARTS = {
    "a length with noughts": (HEAD + b"Content-Length: %019d\r\n\r\n" % len(INNER), INNER),
    "a length beyond what is read": (HEAD + b"Content-Length: 2000000\r\n\r\n", INNER),
    "a chunk's size with noughts": (CHUNKED + b"%018x\r\n" % len(INNER), INNER + b"\r\n0\r\n\r\n"),
    "a chunk's long extension": (CHUNKED + b"%x;" % len(INNER) + 310 * b"x", b"\r\n" + INNER + b"\r\n0\r\n\r\n"),
    "a size and a bare line feed": (CHUNKED + b"%x\n" % len(INNER), INNER + b"\r\n0\r\n\r\n"),
    "more chunks than are read": (CHUNKED + 5000 * b"1\r\nx\r\n", b"%x\r\n" % len(INNER) + INNER + b"\r\n0\r\n\r\n"),
    "a length twice": (HEAD + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(INNER), INNER),
    "a length and chunks": (CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n") + b"0\r\n\r\n", INNER),
    "a length after a bare line feed": (HEAD + b"A: b\nContent-Length: %d\r\n\r\n" % len(INNER), INNER),
    "a length on a line of its own": (HEAD + b"Content-Length:\r\n %d\r\n\r\n" % len(INNER), INNER),
    "chunks of another name": (HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", INNER),
}
#: An address that reads the body, and one that does not.
PLACES = ("api/v1/orders", "healthz")


def answers(connection, first, second):
    """Return the answers to `first`, and to `second` behind it, as often as there are any."""
    connection.settimeout(SECONDS)
    connection.sendall(first)
    got = connection.recv(65536)
    try:
        connection.sendall(second)
        while piece := connection.recv(65536):
            got += piece
    except ConnectionError:
        # It is closed: nobody reads the second part at all
        pass
    return got.count(b"HTTP/1.1 ")


@attack(
    "a stranger hides a request in the body of another, whose length is written so that two readers differ on it",
    "it is answered by nobody: a connection on which more of a request may come takes no other",
)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("first", "second"), PARTS.values(), ids=PARTS)
def test_a_body_is_no_request(site, place, first, second):
    first = first.replace(b"PLACE", place.encode(), 1)
    with socket.create_connection(("127.0.0.1", site.port), SECONDS) as connection:
        assert answers(connection, first, second) == 1


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("body", [b"Content-Length: 5\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"])
def test_a_connection_takes_the_next_request_behind_a_whole_one(site, place, body):
    first = HEAD.replace(b"PLACE", place.encode(), 1) + body
    last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", site.port), SECONDS) as connection:
        assert answers(connection, first, last) == 2


#: What no body may hold behind the chunks that are its own: the parser finds it after the application has answered.
MALFORMED = {
    "a size below nothing": b"-1\r\n\r\n",
    "a size of another kind": b"0x0\r\n\r\n",
    "a chunk longer than its size": b"1\r\nxyz\r\n0\r\n\r\n",
    "a trailer that only a head may have": b"0\r\nAuthorization: Bearer x\r\n\r\n",
}


@attack(
    "a stranger sends a malformed body to an address that does not read it, through a proxy that passes it on",
    "there is one answer, and the connection ends: nobody's next request gets a second one",
)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_body_is_answered_once(site, place, body):
    with socket.create_connection(("127.0.0.1", site.port), SECONDS) as connection:
        assert answers(connection, CHUNKED.replace(b"PLACE", place.encode(), 1) + body, b"") == 1
