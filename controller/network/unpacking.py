"""Decompress what a server compressed without being asked to: gzip and deflate, never more than a limit."""

from __future__ import annotations

import zlib

from shared.errors import ShoplaunchError

#: Encodings that are not supported here; any other word ("none", "utf-8") is ignored, as browsers do.
_UNREADABLE = ("br", "zstd", "compress", "x-compress", "dcb", "dcz")
_GZIP, _DEFLATE = ("gzip", "x-gzip"), "deflate"
_GZIP_BEGINNING = b"\x1f\x8b"
_SHOWN = 40
#: Gzip members in a row; finding each one searches all the rest.
_MEMBERS = 64
_new = zlib.decompressobj


def unpacked(body: bytes, encoding: str, most: int, *, is_cut: bool = False) -> bytes:
    """Return `body` as it was before the server compressed it with `encoding`, the value of Content-Encoding.

    Where it has more than `most` bytes, or does not end, its beginning is returned with `is_cut`, otherwise it is
    refused. Raises ShoplaunchError `page_encoded`.
    """
    names = [name.strip().lower() for name in encoding.split(",")]
    packed = [name for name in names if name in (*_GZIP, _DEFLATE, *_UNREADABLE)]
    if not packed or not body:
        return body
    if len(packed) > 1 or packed[0] in _UNREADABLE:
        raise ShoplaunchError("page_encoded", f"packed as {', '.join(packed)[:_SHOWN]}, which nobody asked for")
    try:
        found, is_whole = _beginning(body, _way(packed[0], body), most + 1)
    except zlib.error:
        raise ShoplaunchError("page_encoded", f"what is said to be {packed[0]} is none") from None
    if is_cut:
        return found[:most]
    if len(found) > most:
        raise ShoplaunchError("page_encoded", f"{packed[0]} unpacks to more than {most} bytes")
    if not is_whole:
        raise ShoplaunchError("page_encoded", f"what is packed as {packed[0]} does not end")
    return found


def _way(name: str, body: bytes) -> int:
    """Return zlib's code for the format; servers send deflate with and without its header."""
    if name in _GZIP:
        return 16 + zlib.MAX_WBITS
    has_header = len(body) > 1 and body[0] & 15 == zlib.DEFLATED and int.from_bytes(body[:2]) % 31 == 0
    return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS


def _beginning(body: bytes, way: int, most: int) -> tuple[bytes, bool]:
    """Return at most `most` decompressed bytes, and whether the data is complete. Raises zlib.error."""
    found = b""
    for _ in range(_MEMBERS):
        unpacking = _new(way)
        found += unpacking.decompress(body, most - len(found))
        body = unpacking.unused_data
        # Another member may follow
        if not unpacking.eof or len(found) >= most or not body.startswith(_GZIP_BEGINNING):
            return found, unpacking.eof
    return found, False
