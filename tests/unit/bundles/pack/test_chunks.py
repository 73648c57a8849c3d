"""Rows become chunks: small ones first, so that every connection has some, and none beyond the bundle's limit."""

import types

from controller.bundles.pack.chunks import FIRST_CHUNK_BYTES, TABLE_CHUNK_BYTES, ChunkWriter
from shared.bundle import CHUNK_UNPACKED_BYTES


def table(name):
    return types.SimpleNamespace(name=name, stored=[types.SimpleNamespace(name="id")])


TABLE = table("ps_product")


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


def test_a_table_with_enough_rows_shares_its_chunk_with_none_that_follows():
    chunks = []
    writer = ChunkWriter(chunks.append)
    for name, size in (("a", 100), ("b", 100), ("large", TABLE_CHUNK_BYTES), ("c", 100), ("d", 100)):
        writer.begin(table(name))
        writer.row([b"x" * size], placeholders=False)
    writer.finish()
    assert [chunk.table for chunk in chunks] == [None, None]
    assert [chunk.sql.count(b"INSERT") for chunk in chunks] == [3, 2]


def test_a_table_that_fills_a_chunk_alone_is_named():
    chunks = []
    writer = ChunkWriter(chunks.append)
    for name in ("large", "larger", "c", "d"):
        writer.begin(table(name))
        writer.row([b"x" * (TABLE_CHUNK_BYTES if name.startswith("large") else 100)], placeholders=False)
    writer.finish()
    assert [chunk.table for chunk in chunks] == ["large", "larger", None]
