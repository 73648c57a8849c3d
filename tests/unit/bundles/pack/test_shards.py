"""Shards end where they would if every entry were compressed by itself, however many are compressed in one go; what
cannot be compressed is stored."""

import gzip
import random

import pytest

from controller.bundles.pack import shards
from controller.bundles.pack.gzip_member import GzipWriter
from controller.bundles.pack.incompressible import is_incompressible
from controller.bundles.pack.shards import Background, ShardWriter
from shared.bundle import SHARD_PACKED_BYTES, SHARD_UNPACKED_BYTES

HEADER = bytes(512)
KB = 1024


def one_by_one(entries):
    """Return the shards of `entries` as packed bytes, each entry compressed before the next is looked at."""
    done, stream, count = [], GzipWriter(), 0
    for content in [*entries, None]:
        size = 0 if content is None else 512 + len(content) + -len(content) % 512
        packed = stream.written + 256 * KB + size + size // 1000
        if count and (content is None or packed > SHARD_PACKED_BYTES or stream.fed + size + KB > SHARD_UNPACKED_BYTES):
            stream.feed(bytes(KB))
            done.append((stream.finish(), count))
            stream, count = GzipWriter(), 0
        if content is not None:
            stream.feed(HEADER)
            (stream.store if is_incompressible(content) else stream.feed)(content)
            stream.feed(bytes(-len(content) % 512))
            count += 1
    return done


def entries_of(kind):
    draw = random.Random(kind)
    words = [draw.randbytes(draw.randint(2, 9)).hex().encode() for _ in range(2000)]
    sizes = {"pictures": 60 * KB, "mixed": 30 * KB, "text": 20 * KB, "large": 3 * KB * KB}[kind]
    total, found = 0, []
    while total < 17 * KB * KB:
        size = draw.randint(1, sizes)
        is_text = kind == "text" or (kind == "mixed" and draw.random() < 0.5)
        found.append(b"".join(draw.choices(words, k=size // 12)) if is_text else draw.randbytes(size))
        total += len(found[-1])
    return found


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("kind", ["pictures", "mixed", "text", "large"])
def test_shards_are_those_of_entries_compressed_one_by_one(kind):
    entries, made = entries_of(kind), []
    writer = Background(ShardWriter(made.append))
    for content in entries:
        writer.add(HEADER, content)
    writer.finish()
    assert len(made) > 1
    assert [(shard.packed, shard.entries) for shard in made] == one_by_one(entries)
    assert all(len(shard.packed) <= SHARD_PACKED_BYTES and shard.unpacked <= SHARD_UNPACKED_BYTES for shard in made)


def test_what_goes_wrong_while_packing_is_raised_where_entries_come_from(monkeypatch):
    monkeypatch.setattr(shards, "SHARD_UNPACKED_BYTES", 64 * KB)

    def refuse(shard):
        raise OSError("no room")

    writer = Background(ShardWriter(refuse))
    with pytest.raises(OSError, match="no room"):
        for _ in range(10_000):
            writer.add(HEADER, bytes(KB))
        writer.finish()


def test_what_cannot_be_compressed_is_stored_between_what_can():
    draw, made = random.Random(1), []
    picture, text = draw.randbytes(200 * KB), b"<?php echo 'shop'; " * 2000
    writer = ShardWriter(made.append)
    for content in (text, picture, picture, text):
        writer.add(HEADER, content)
    writer.finish()
    (shard,) = made
    assert shard.packed.count(picture[:60_000]) == 2
    assert len(shard.packed) < 2 * len(picture) + 4 * KB
    whole = gzip.decompress(shard.packed)
    assert len(whole) == shard.unpacked
    assert [whole.count(text), whole.count(picture)] == [2, 2]
