"""Stored as it is: only what compressing would hardly make smaller, however large and whatever it begins with."""

import gzip
import random
import subprocess
import zlib

import pytest

from agent.bundle.inflate import gunzip_large, unpacking
from controller.bundles.pack.gzip_member import GzipWriter
from controller.bundles.pack.incompressible import LEAST_BYTES, is_incompressible

DRAW = random.Random(4)
KB = 1024
#: Nothing of it comes twice.
NOISE = DRAW.randbytes(300 * KB)
CODE = b"<?php return array('name' => 'value');\n" * 3000
PERSIAN = "فروشگاه آماده است و هر روز سفارش می‌گیرد. ".encode() * 3000


@pytest.mark.parametrize(
    "content",
    [
        NOISE,
        b"\xff\xd8\xff\xe0" + NOISE[: 8 * KB],
        NOISE[:LEAST_BYTES],
        zlib.compress(bytes(DRAW.choices(b"abcdefgh ", k=100_000)), 9),
        NOISE + CODE[:20],
    ],
    ids=["noise", "a picture", "the smallest", "packed already", "a few words behind it"],
)
def test_what_would_hardly_become_smaller_is_recognised(content):
    assert is_incompressible(content)
    assert len(zlib.compress(content, 9)) > 0.98 * len(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        NOISE[: LEAST_BYTES - 1],
        CODE,
        PERSIAN,
        CODE[:40_000] + NOISE,
        NOISE + bytes(20 * KB),
        NOISE[: 20 * KB] + bytes(200 * KB),
        NOISE[: 4 * KB] + bytes(4 * KB - 1),
        NOISE[: 2 * KB] * 50,
        bytes(DRAW.choices(bytes(range(56, 256)), k=100_000)),
    ],
    ids=[
        "nothing", "small", "code", "not ASCII", "text before noise", "a hole behind it", "mostly a hole",
        "half a hole", "noise again and again", "a little to gain everywhere",
    ],
)  # fmt: skip
def test_what_is_small_or_would_become_smaller_is_compressed(content):
    assert not is_incompressible(content)


FEED, STORE = GzipWriter.feed, GzipWriter.store


@pytest.mark.parametrize(
    "steps",
    [
        [(STORE, NOISE)],
        [(FEED, CODE), (STORE, NOISE), (FEED, CODE)],
        [(STORE, NOISE), (STORE, NOISE), (FEED, CODE), (STORE, CODE), (FEED, CODE)],
        [(FEED, CODE), (STORE, b""), (FEED, CODE)],
        [(STORE, NOISE[:0xFFFF]), (STORE, NOISE[:0x10000])],
    ],
    ids=["nothing else", "between the same text", "two in a row", "nothing", "as much as a block holds, and more"],
)
def test_what_was_stored_between_what_was_compressed_is_read_back(steps):
    writer = GzipWriter()
    for add, content in steps:
        add(writer, content)
    packed, whole = b"".join(writer.finish()), b"".join(content for _, content in steps)
    assert (writer.fed, writer.written) == (len(whole), len(packed))
    assert gzip.decompress(packed) == whole
    assert subprocess.run(["gzip", "-dc"], input=packed, capture_output=True, check=True).stdout == whole
    # As the agent reads it, a packed shard being at hand in pieces or whole
    assert bytes(gunzip_large(packed, len(whole))) == whole
    pieces = [packed[start : start + 1000] for start in range(0, len(packed), 1000)]
    assert b"".join(unpacking(pieces, len(packed), len(whole))) == whole
