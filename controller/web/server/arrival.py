"""Decide whether a request has arrived completely, from its bytes alone, each read once."""

from __future__ import annotations

import re

#: Of a larger request only this much is read: it is refused anyway.
LARGEST_BYTES = 1024 * 1024
HEADER_BYTES = 64 * 1024
#: A body in more chunks than this is refused: each takes time, however small it is.
MOST_CHUNKS = 4096
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*([0-9]{1,15})[ \t]*\r\n", re.I)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding[ \t]*:", re.I)
_EXPECTS = re.compile(rb"\r\nexpect[ \t]*:[ \t]*100-continue[ \t]*\r\n", re.I)
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,16})(?![0-9a-fA-F])[^\r\n]{0,200}\r\n")
#: The longest valid first line of a chunk.
_CHUNK_LINE = 300


class Arrival:
    """The bytes of one request as they come in, perhaps followed by the beginning of the next."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray()
        #: Whether the sender waits for "100 Continue" before it sends the body.
        self.expects = False
        self._searched = 0
        #: The start and the length of the body; of the next chunk, where it comes in chunks.
        self._start: int | None = None
        self._whole: int | None = None
        self._chunk: int | None = None
        self._chunks = 0
        self._ended = False
        self.add(data)

    def add(self, piece: bytes) -> None:
        """Add `piece`, which has arrived."""
        self.data += piece
        if self._start is None:
            self._find_body()
        if self._chunk is not None and not self._ended:
            self._find_last_chunk(self._chunk)

    def is_whole(self) -> bool:
        """Return whether the request is complete, or enough of it is there to refuse it."""
        if self._start is None:
            return len(self.data) > HEADER_BYTES
        if self._chunk is not None:
            return self._ended or len(self.data) > LARGEST_BYTES
        return len(self.data) >= (self._whole or 0)

    def _find_body(self) -> None:
        end = self.data.find(_END, self._searched)
        self._searched = max(0, len(self.data) - len(_END) + 1)
        if end < 0:
            return
        head, self._start = bytes(self.data[: end + 2]), end + len(_END)
        self.expects = _EXPECTS.search(head) is not None
        length = _LENGTH.search(head)
        if _CHUNKED.search(head):
            self._chunk = self._start
        else:
            size = 0 if length is None else int(length[1])
            self._whole = self._start + (0 if size > LARGEST_BYTES else size)

    def _find_last_chunk(self, at: int) -> None:
        while found := _CHUNK.match(self.data, at):
            size = int(found[1], 16)
            if size == 0:
                # Trailers may follow
                self._ended = self.data.find(_END, found.end() - 2, found.end() + HEADER_BYTES) >= 0
                self._chunk = at
                return
            # Nothing can be counted as far as sixteen digits go
            at = found.end() + min(size, LARGEST_BYTES) + 2
            self._chunks += 1
            if self._chunks > MOST_CHUNKS:
                self._chunk, self._ended = at, True
                return
        self._chunk = at
        line = self.data[at : at + _CHUNK_LINE]
        # An invalid chunk is refused
        self._ended = b"\n" in line or len(line) == _CHUNK_LINE
