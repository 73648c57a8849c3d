"""Gzip members unpacked, never larger than the manifest says, never held twice in memory."""

import zlib

from shared.bundle import MAX_MEMBER_BYTES
from shared.errors import ShoplaunchError

#: Of a member whose size the manifest does not tell.
MAX_UNPACKED_BYTES = 256 * 1024 * 1024
_STEP_BYTES = 256 * 1024
_GZIP_WINDOW = 31
#: Deflate packs at most 1032 bytes into one; a little for the smallest members.
_MOST_PER_BYTE = 1040
_SMALL_BYTES = 64 * 1024


def gunzip(data, size=None):
    """Return the unpacked bytes of gzip `data`, which must be `size` of them, or at most MAX_UNPACKED_BYTES.

    Raises ShoplaunchError `bundle_damaged`.
    """
    limit = MAX_UNPACKED_BYTES if size is None else size
    _check_possible(data, size or 0)
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    try:
        unpacked = unpacker.decompress(data, limit + 1)
    except zlib.error:
        raise ShoplaunchError("bundle_damaged", "a member is not gzip") from None
    _check(unpacker, len(unpacked), size, limit)
    return unpacked


def gunzip_large(data, size):
    """Return what `gunzip` does as a bytearray, without the second copy that growing a result needs.

    `size` is the exact number of unpacked bytes. Raises ShoplaunchError `bundle_damaged`.
    """
    _check_possible(data, size)
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    unpacked, filled = bytearray(size), 0
    try:
        for piece in _pieces(unpacker, memoryview(data)):
            if filled + len(piece) > size:
                raise ShoplaunchError("bundle_damaged", "a member is larger than the manifest says")
            unpacked[filled : filled + len(piece)] = piece
            filled += len(piece)
    except zlib.error:
        raise ShoplaunchError("bundle_damaged", "a member is not gzip") from None
    _check(unpacker, filled, size, size)
    return unpacked


def _check_possible(data, size):
    if size > MAX_MEMBER_BYTES or size > len(data) * _MOST_PER_BYTE + _SMALL_BYTES:
        raise ShoplaunchError("bundle_damaged", "a member cannot hold the {} bytes the manifest says".format(size))


def _pieces(unpacker, packed):
    for start in range(0, len(packed), _STEP_BYTES):
        waiting = packed[start : start + _STEP_BYTES]
        while waiting:
            yield unpacker.decompress(waiting, _STEP_BYTES)
            waiting = unpacker.unconsumed_tail
    yield unpacker.flush()


def _check(unpacker, found, size, limit):
    if found > limit or (size is not None and found < size) or not unpacker.eof or unpacker.unused_data:
        raise ShoplaunchError("bundle_damaged", "a member does not have the size the manifest says")
