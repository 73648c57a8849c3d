"""A request is whole when its last byte is there, however it is cut into pieces, and none is waited for without end."""

import pytest

from controller.web.server.arrival import HEADER_BYTES, LARGEST_BYTES, MOST_CHUNKS, Arrival

HEAD = b"POST /api/v1/agent/events HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = {
    "without a body": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "with its length": HEAD + b"Content-Length: 5\r\n\r\nhello",
    "with its length in other letters": HEAD + b"content-LENGTH :  5 \r\nAccept: */*\r\n\r\nhello",
    "of length 0": HEAD + b"Content-Length: 0\r\n\r\n",
    "in chunks": CHUNKED + b"5\r\nhello\r\n1;ext=a\r\n\r\r\n0\r\n\r\n",
    "in chunks that hold what ends them": HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n9\r\n\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n",
    "in chunks with trailers": CHUNKED + b"2\r\nhi\r\n0\r\nA: b\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("stride", [1, 7, 1000])
def test_a_request_is_whole_with_its_last_byte(request_bytes, stride):
    arrival = Arrival()
    for at in range(0, len(request_bytes), stride):
        assert not arrival.is_whole(), bytes(arrival.data)
        arrival.add(request_bytes[at : at + stride])
    assert arrival.is_whole()
    assert bytes(arrival.data) == request_bytes


@pytest.mark.parametrize("request_bytes", WHOLE.values(), ids=WHOLE)
def test_what_follows_belongs_to_the_next(request_bytes):
    arrival = Arrival(request_bytes + b"GET /next HTTP/1.1\r\n")
    assert arrival.is_whole()


REFUSED = {
    "a length of a terabyte": HEAD + b"Content-Length: 1099511627776\r\n\r\n",
    "a header without end": HEAD + b"A: " + b"b" * HEADER_BYTES,
    "chunks that are none": CHUNKED + b"hello\r\n",
    "a chunk's line without end": CHUNKED + b"5;" + b"a" * 300,
    "chunks without end": CHUNKED + b"7fffffff\r\n" + b"x" * LARGEST_BYTES,
    "a chunk of more than any memory": CHUNKED + b"ffffffffffffffff\r\n" + b"x" * LARGEST_BYTES,
    "very many chunks": CHUNKED + (MOST_CHUNKS + 1) * b"1\r\nx\r\n",
}


@pytest.mark.parametrize("request_bytes", REFUSED.values(), ids=REFUSED)
def test_what_is_refused_anyway_is_not_waited_for(request_bytes):
    assert Arrival(request_bytes).is_whole()


@pytest.mark.parametrize("stride", [7, 1000, 65536])
def test_as_many_chunks_as_anybody_sends_are_waited_for(stride):
    sent = CHUNKED + MOST_CHUNKS * b"1\r\nx\r\n" + b"0\r\n\r\n"
    arrival = Arrival()
    for at in range(0, len(sent), stride):
        assert not arrival.is_whole()
        arrival.add(sent[at : at + stride])
    assert arrival.is_whole()


def test_who_waits_for_a_word_is_known():
    assert Arrival(HEAD + b"Expect: 100-Continue\r\nContent-Length: 5\r\n\r\n").expects
    assert not Arrival(HEAD + b"Content-Length: 5\r\n\r\n").expects
