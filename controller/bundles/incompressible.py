"""Which files compressing would not make smaller: pictures, archives, fonts, films."""

from __future__ import annotations

import zlib

#: In smaller files it saves less time than the bytes cost that are added around them.
LEAST_BYTES = 4096
#: What is looked at of a file: so many pieces at most, spread over it, so many bytes each.
_PIECES, _PIECE_BYTES = 8, 4096
#: What has to be saved at least, as a part: less is not worth the time to unpack it, at every restore anew.
_LEAST_SAVED = 0.05


def is_incompressible(content: bytes) -> bool:
    """Tell whether `content` is better stored as it is, judged by samples that are compressed quickly."""
    if len(content) < LEAST_BYTES:
        return False
    step = max(_PIECE_BYTES, len(content) // _PIECES)
    samples = [content[at : at + _PIECE_BYTES] for at in range(0, len(content) - _PIECE_BYTES + 1, step)]
    # Code and most texts are told by a look: to compress samples of all of it would take time
    if any(map(bytes.isascii, samples)):
        return False
    sample = b"".join(samples)
    return len(zlib.compress(sample, 1)) > (1 - _LEAST_SAVED) * len(sample)
