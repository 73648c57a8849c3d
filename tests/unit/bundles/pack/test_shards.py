"""Shards end where they would if every entry were compressed by itself, however many are compressed in one go; what
cannot be compressed is stored; a large file is alone in memory."""

import gzip
import random
import threading
import tracemalloc

import pytest

from controller.bundles.pack import shards
from controller.bundles.pack.gzip_member import GzipWriter
from controller.bundles.pack.incompressible import is_incompressible
from controller.bundles.pack.shards import Background, ShardWriter
from shared.bundle import SHARD_PACKED_BYTES, SHARD_UNPACKED_BYTES

HEADER = bytes(512)
KB = 1024
MB = 1024 * KB


def packed(shard):
    return b"".join(shard.packed)


def one_by_one(entries):
    """Return the shards of `entries` as packed bytes, each entry compressed before the next is looked at."""
    done, stream, count = [], GzipWriter(), 0
    for content in [*entries, None]:
        size = 0 if content is None else 512 + len(content) + -len(content) % 512
        packed = stream.written + 256 * KB + size + size // 1000
        if count and (content is None or packed > SHARD_PACKED_BYTES or stream.fed + size + KB > SHARD_UNPACKED_BYTES):
            stream.feed(bytes(KB))
            done.append((b"".join(stream.finish()), count))
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
    assert [(packed(shard), shard.entries) for shard in made] == one_by_one(entries)
    assert all(len(packed(shard)) <= SHARD_PACKED_BYTES and shard.unpacked <= SHARD_UNPACKED_BYTES for shard in made)


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
    assert packed(shard).count(picture[:60_000]) == 2
    assert len(packed(shard)) < 2 * len(picture) + 4 * KB
    whole = gzip.decompress(packed(shard))
    assert len(whole) == shard.unpacked
    assert [whole.count(text), whole.count(picture)] == [2, 2]


def test_large_files_are_in_memory_one_at_a_time_and_once():
    size, most = 40 * MB, 60 * MB
    writer = Background(ShardWriter(lambda shard: None))
    tracemalloc.start()
    try:
        for _ in range(6):
            writer.make_room(size)
            writer.add(HEADER, bytes(size))
        writer.finish()
        assert size < tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def test_many_files_of_middle_size_wait_together_up_to_a_limit_in_bytes():
    size, most = 5 * MB, 84 * MB
    writer = Background(ShardWriter(lambda shard: None))
    tracemalloc.start()
    try:
        for _ in range(60):
            writer.make_room(size)
            writer.add(HEADER, bytes(size))
        writer.finish()
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def test_a_full_shard_is_handed_on_before_the_next_file_is_read():
    made = []
    writer = ShardWriter(made.append)
    writer.add(HEADER, bytes(SHARD_UNPACKED_BYTES))
    assert [shard.entries for shard in made] == [1]
    writer.finish()
    assert len(made) == 1


def test_room_is_made_after_the_packer_has_failed_too():
    def refuse(shard):
        raise OSError("no room")

    def fill():
        with pytest.raises(OSError, match="no room"):
            for _ in range(10):
                writer.make_room(SHARD_UNPACKED_BYTES)
                writer.add(HEADER, bytes(SHARD_UNPACKED_BYTES))
            writer.finish()
        filled.append(True)

    writer, filled = Background(ShardWriter(refuse)), []
    filler = threading.Thread(target=fill, daemon=True)
    filler.start()
    filler.join(20)
    assert filled
