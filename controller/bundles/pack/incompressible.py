"""Which files are stored as they are: compressing pictures, archives, fonts and films saves next to nothing."""

from __future__ import annotations

import zlib

from controller.bundles.pack.gzip_member import LEVEL

#: In smaller files it saves less time than some 60 bytes of the next header, which begins without a history, cost.
LEAST_BYTES = 4096
#: So many bytes of a file are looked at: all of a small one, else pieces from its beginning to its end.
_PIECES, _PIECE_BYTES = 8, 4096
#: What has to be saved at least, as a part. To unpack a megabyte that saves less takes 3 ms at every restore; to read
#: so much more takes as long on a disk of 7 MB/s.
_LEAST_SAVED = 0.02


def is_incompressible(content: bytes) -> bool:
    """Tell whether `content` is better stored as it is, judged by samples of it."""
    if len(content) < LEAST_BYTES:
        return False
    samples = _samples(content)
    # Code and most texts are told by a look: to compress samples of all of it would take time
    if any(map(bytes.isascii, samples)):
        return False
    sample = b"".join(samples)
    # Most of what is not ASCII is text in another language: told by the level that takes the least time
    return all(len(zlib.compress(sample, level)) > (1 - _LEAST_SAVED) * len(sample) for level in (1, LEVEL))


def _samples(content: bytes) -> list[bytes]:
    if len(content) <= _PIECES * _PIECE_BYTES:
        return [content]
    last = len(content) - _PIECE_BYTES
    starts = (number * last // (_PIECES - 1) for number in range(_PIECES))
    return [content[start : start + _PIECE_BYTES] for start in starts]
