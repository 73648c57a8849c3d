"""Stored as it is: only what compressing would hardly make smaller, however large and whatever it begins with."""

import gzip
import random
import zlib

import pytest

from controller.bundles.gzip_member import GzipWriter
from controller.bundles.incompressible import LEAST_BYTES, is_incompressible

DRAW = random.Random(4)
KB = 1024
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
        NOISE + CODE[: 4 * KB],
    ],
    ids=["noise", "a picture", "the smallest", "packed already", "a little text behind it"],
)
def test_what_would_not_become_smaller_is_recognised(content):
    assert is_incompressible(content)
    assert len(zlib.compress(content, 9)) > 0.9 * len(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        NOISE[: LEAST_BYTES - 1],
        CODE,
        PERSIAN,
        CODE[:40_000] + NOISE,
        NOISE[: 20 * KB] + bytes(200 * KB),
        NOISE[: 2 * KB] * 50,
    ],
    ids=["nothing", "small", "code", "not ASCII", "text before noise", "a hole behind it", "noise again and again"],
)
def test_what_is_small_or_would_become_smaller_is_compressed(content):
    assert not is_incompressible(content)


@pytest.mark.parametrize("parts", [[NOISE], [CODE, NOISE, CODE], [NOISE, NOISE], [CODE, b"", CODE], [NOISE[:0xFFFF]]])
def test_every_gzip_reads_what_was_stored(parts):
    writer = GzipWriter()
    for number, part in enumerate(parts):
        (writer.feed if number % 2 else writer.store)(part)
    packed = writer.finish()
    assert gzip.decompress(packed) == b"".join(parts)
    assert (writer.fed, writer.written) == (sum(map(len, parts)), len(packed))
