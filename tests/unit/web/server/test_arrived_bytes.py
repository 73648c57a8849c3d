"""What has arrived is handed to the parser little by little: it copies all it holds for each chunk of a body."""

import time

import pytest
from gunicorn.config import Config
from gunicorn.http.body import ChunkedReader
from gunicorn.http.parser import RequestParser

from controller.web.server.whole_requests import PARSED_BYTES, _Arrived

CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"


def parser_of(data):
    """Return gunicorn's parser of what has arrived."""
    parser = RequestParser(Config(), iter(()), ("127.0.0.1", 1))
    parser.unreader = _Arrived()
    parser.unreader.put(data)
    return parser


def test_the_parser_copies_little_for_each_chunk(monkeypatch):
    copied, real = [], ChunkedReader.parse_chunk_size

    def counted(reader, unreader, data=None):
        copied.append(len(data or b""))
        return real(reader, unreader, data)

    monkeypatch.setattr(ChunkedReader, "parse_chunk_size", counted)
    large = 500_000
    parser = parser_of(CHUNKED + 300 * b"1\r\nx\r\n" + b"%x\r\n" % large + large * b"y" + b"\r\n0\r\n\r\n" + NEXT)
    request = next(parser)
    assert request.body.read() == 300 * b"x" + large * b"y"
    assert len(copied) == 302 and sum(copied) <= 302 * PARSED_BYTES


@pytest.mark.parametrize("length", [0, 5, PARSED_BYTES, 3 * PARSED_BYTES, 250_000])
def test_what_follows_a_body_is_left_whole_for_the_next_request(length):
    following = 700 * NEXT
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length
    parser = parser_of(head + length * b"z" + following)
    assert next(parser).body.read() == length * b"z"
    assert parser.unreader.take_buffered() == following
    assert parser.unreader.take_buffered() == b""


def test_what_nobody_reads_of_a_body_is_not_taken_for_a_request():
    parser = parser_of(CHUNKED + b"5\r\nGET /\r\n0\r\n\r\n" + NEXT)
    next(parser)
    assert parser.finish_body(deadline=time.monotonic() + 60)
    assert parser.unreader.take_buffered() == NEXT
