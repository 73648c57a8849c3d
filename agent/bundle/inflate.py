"""Unpacks gzip members: never more than the manifest says, never held twice in memory."""

import zlib

from shared.bundle import MAX_MEMBER_BYTES
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Iterable, Iterator

    from shared.documents import Member

#: Limit for a member whose size is not in the manifest.
MAX_UNPACKED_BYTES = 256 * 1024 * 1024
_STEP_BYTES = 256 * 1024
_GZIP_WINDOW = 31
_DEFLATE_WINDOW = -15
#: Beginning of a gzip member without name and comment; six more header bytes follow, which are ignored.
_GZIP_START = b"\x1f\x8b\x08\x00"
_HEADER_BYTES, _TRAILER_BYTES = 10, 8
#: Deflate expands a byte to at most 1032; with a margin for the smallest members.
_MOST_PER_BYTE = 1040
_SMALL_BYTES = 64 * 1024


def gunzip(data: bytes, size: "int | None" = None) -> bytes:
    """Return the unpacked bytes of gzip `data`: exactly `size` of them, or at most MAX_UNPACKED_BYTES.

    Raises ShoplaunchError `bundle_damaged`.
    """
    limit = MAX_UNPACKED_BYTES if size is None else size
    _check_possible(len(data), size or 0)
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    try:
        unpacked = unpacker.decompress(data, limit + 1)
    except zlib.error:
        raise ShoplaunchError("bundle_damaged", "a member is not gzip") from None
    _check(unpacker, len(unpacked), size, limit)
    return unpacked


def pieces_of_member(data: bytes, member: "Member") -> "Iterable[bytes]":
    """Return the unpacked bytes of `data` like `unpack_member`, as pieces of which only a few are held at a time."""
    return unpacking([data], len(data), member["unpacked"]) if "unpacked" in member else [gunzip(data)]


def unpack_member(data: bytes, member: "Member") -> "bytes | bytearray":
    """Return the unpacked bytes (bytes-like) of `data`, the packed bytes of `member` (entry of the manifest).

    Raises ShoplaunchError `bundle_damaged`.
    """
    return gunzip_large(data, member["unpacked"]) if "unpacked" in member else gunzip(data)


def gunzip_large(data: bytes, size: int) -> bytearray:
    """Return the unpacked bytes of gzip `data` as a bytearray, without the second copy that a growing result needs.

    As for `unpacking`, the caller has checked the digest of `data`. `size` is the exact number of unpacked bytes.
    Raises ShoplaunchError `bundle_damaged`.
    """
    _check_possible(len(data), size)
    result, filled = bytearray(size), 0
    for piece in unpacking([data], len(data), size):
        result[filled : filled + len(piece)] = piece
        filled += len(piece)
    return result


def unpacking(packed: "Iterable[bytes]", packed_size: int, size: int) -> "Iterator[bytes]":
    """Yield the `size` unpacked bytes of the gzip member in the pieces `packed` (`packed_size` bytes in total).

    Memory holds little at a time, and never more than `size` bytes are yielded. The member's own checksum is not
    verified, which saves a tenth of the work: the digest of the packed bytes (agent.bundle.reader) proves them. Raises
    ShoplaunchError `bundle_damaged`, also at the end.
    """
    _check_possible(packed_size, size)
    unpacker, filled = zlib.decompressobj(_DEFLATE_WINDOW), 0
    try:
        for piece in _pieces(unpacker, _deflated(packed, packed_size)):
            filled += len(piece)
            if filled > size:
                raise ShoplaunchError("bundle_damaged", "a member is larger than the manifest says")
            yield piece
    except zlib.error:
        raise ShoplaunchError("bundle_damaged", "a member is not gzip") from None
    _check(unpacker, filled, size, size)


def _check_possible(packed_size: int, size: int) -> None:
    if size > MAX_MEMBER_BYTES or size > packed_size * _MOST_PER_BYTE + _SMALL_BYTES:
        raise ShoplaunchError("bundle_damaged", "a member cannot hold the {} bytes the manifest says".format(size))


def _deflated(packed: "Iterable[bytes]", packed_size: int) -> "Iterator[memoryview]":
    """Yield the bytes between header and trailer of the gzip member in the pieces `packed`."""
    at = 0
    for piece in packed:
        part = memoryview(piece)
        if at == 0 and part[: len(_GZIP_START)] != _GZIP_START:
            raise ShoplaunchError("bundle_damaged", "a member is not gzip as we pack it")
        yield part[max(0, _HEADER_BYTES - at) : max(0, packed_size - _TRAILER_BYTES - at)]
        at += len(part)


def _pieces(unpacker: "zlib._Decompress", packed: "Iterable[memoryview]") -> "Iterator[bytes]":
    for part in packed:
        # The unconsumed rest of the input is copied with every call: pass little at a time
        for start in range(0, len(part), _STEP_BYTES):
            waiting: "bytes | memoryview" = part[start : start + _STEP_BYTES]
            while waiting and not unpacker.eof:
                yield unpacker.decompress(waiting, _STEP_BYTES)
                waiting = unpacker.unconsumed_tail
            if waiting:
                raise ShoplaunchError("bundle_damaged", "there is something behind a member's end")
    yield unpacker.flush()


def _check(unpacker: "zlib._Decompress", found: int, size: "int | None", limit: int) -> None:
    if found > limit or (size is not None and found < size) or not unpacker.eof or unpacker.unused_data:
        raise ShoplaunchError("bundle_damaged", "a member does not have the size the manifest says")
