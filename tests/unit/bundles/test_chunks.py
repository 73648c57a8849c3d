"""Rows become chunks: small ones first, so that every connection has some, and none beyond the bundle's limit."""

import types

from controller.bundles.chunks import FIRST_CHUNK_BYTES, ChunkWriter
from shared.bundle import CHUNK_UNPACKED_BYTES

TABLE = types.SimpleNamespace(name="ps_product", stored=[types.SimpleNamespace(name="id")])


def sizes(rows, row_bytes=10_000):
    """Return how large the chunks of `rows` rows of `row_bytes` bytes are."""
    chunks = []
    writer = ChunkWriter(chunks.append)
    writer.begin(TABLE)
    for _ in range(rows):
        writer.row([b"x" * row_bytes], placeholders=False)
    writer.finish()
    assert sum(chunk.rows for chunk in chunks) == rows
    return [len(chunk.sql) for chunk in chunks]


def test_each_chunk_may_be_twice_as_large_as_the_one_before_up_to_the_bundles_limit():
    found = sizes(500)
    limits = [FIRST_CHUNK_BYTES, 2 * FIRST_CHUNK_BYTES, *[CHUNK_UNPACKED_BYTES] * len(found)]
    assert all(size <= limit for size, limit in zip(found, limits, strict=False))
    assert all(size > limit // 2 for size, limit in zip(found[:-1], limits, strict=False))


def test_of_a_megabyte_of_rows_there_is_a_chunk_for_every_connection():
    assert len(sizes(100)) == 3


def test_a_row_larger_than_the_first_chunks_is_a_chunk_of_its_own():
    assert len(sizes(2, 2 * CHUNK_UNPACKED_BYTES)) == 2
