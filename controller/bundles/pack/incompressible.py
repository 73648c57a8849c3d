"""Decides which files are stored: compressing pictures, archives, fonts and films saves next to nothing."""

from __future__ import annotations

import zlib

from controller.bundles.pack.gzip_member import LEVEL

#: In smaller files storing saves less time than it costs: some 60 bytes of a new block header without a history.
LEAST_BYTES = 4096
#: Bytes of a file to sample: all of a small file, else pieces from its beginning to its end.
_PIECES, _PIECE_BYTES = 8, 4096
#: The least part that compression has to save. Unpacking a megabyte that saves less takes 3 ms at every restore;
#: reading the extra bytes takes as long on a disk of 7 MB/s.
_LEAST_SAVED = 0.02


def is_incompressible(content: bytes) -> bool:
    """Return whether `content` is better stored, judged by samples of it."""
    if len(content) < LEAST_BYTES:
        return False
    samples = _samples(content)
    # Code and most texts are ASCII: recognised without the time it takes to compress samples
    if any(map(bytes.isascii, samples)):
        return False
    sample = b"".join(samples)
    # Most of the rest is text in another language: recognised by compressing at the fastest level
    return all(len(zlib.compress(sample, level)) > (1 - _LEAST_SAVED) * len(sample) for level in (1, LEVEL))


def _samples(content: bytes) -> list[bytes]:
    if len(content) <= _PIECES * _PIECE_BYTES:
        return [content]
    last = len(content) - _PIECE_BYTES
    starts = (number * last // (_PIECES - 1) for number in range(_PIECES))
    return [content[start : start + _PIECE_BYTES] for start in starts]
