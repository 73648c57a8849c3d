"""Compressed values, which are looked into and never rewritten."""

from __future__ import annotations

import zlib

_PACKED = (b"\x1f\x8b", b"\x78\x01", b"\x78\x9c", b"\x78\xda", b"\x78\x5e")
#: Bytes of a compressed value to inspect.
_UNPACKED_LIMIT = 16 * 1024 * 1024


def is_packed(data: bytes) -> bool:
    """Return whether `data` is a gzip or zlib value."""
    return data.startswith(_PACKED) and unpacked(data, 1) is not None


def unpacked(data: bytes, limit: int = _UNPACKED_LIMIT) -> bytes | None:
    """Return the first `limit` decompressed bytes of a gzip or zlib value; None when it is not one."""
    if not data.startswith(_PACKED):
        return None
    try:
        return zlib.decompressobj(47).decompress(data, limit)
    except zlib.error:
        return None
