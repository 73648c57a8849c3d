"""A bundle with bulk: shards as large as shards get, chunks as large as chunks get, and a row of any size."""

import gzip
import random

from shared.bundle import CHUNK_UNPACKED_BYTES, SHARD_UNPACKED_BYTES
from shared.encoding import sha256_hex
from tests.support.shops.handmade import Handmade, shard

#: Bytes of one row of each product and its share of images, as SQL text.
_ROW_BYTES = 72
_FILE_BYTES = 100_000
#: Headers of files and folders, and the end of the archive.
_MARGIN_BYTES = 512 * 1024


class Bulk(Handmade):
    """`shards` full shards besides the small ones and `chunks` full chunks; `mixed` shards of all sizes in no order;
    and, in a chunk or shard of their own each, rows whose text has as many bytes as `rows` say and files of the sizes
    in `files`."""

    def __init__(self, server, shards=2, chunks=4, rows=(), files=(), mixed=0):
        self._shards, self._rows, self._files_alone, self._mixed = shards, rows, files, mixed
        super().__init__(server, rows_each=CHUNK_UNPACKED_BYTES // _ROW_BYTES // 5 * 5, chunks=chunks)

    def _files(self, shards):
        super()._files(shards)
        for number in range(self._shards):
            self._shard(1000 + number, _full(number))
        chance = random.Random(5)
        for number in range(self._mixed):
            self._shard(1500 + number, _of_any_size(number, chance))
        for number, size in enumerate(self._files_alone):
            self._shard(2000 + number, [(f"large{number}.bin", _text(number, -1, size))])

    def _shard(self, number, entries):
        data, unpacked, count = _packed(entries)
        self._member(f"files/{number}.tar.gz", "files", False, data, unpacked, count)

    def _database(self):
        for number, size in enumerate(self._rows):
            text = _text("row", number, size).decode()
            self.texts.append((f"INSERT INTO `ps_configuration` VALUES ({number + 7},'LARGE','{text}');\n", 1))
        super()._database()

    @property
    def tree_bytes(self):
        """The bytes of the shards unpacked."""
        return sum(self.entries[name].get("unpacked", 0) for name in self.members if name.startswith("files/"))


def _text(group, number, size):
    """Return `size` bytes that pack to about half."""
    return random.Random(f"{group} {number}").randbytes((size + 1) // 2).hex().encode()[:size]


def _full(number):
    """Return the entries of a full shard."""
    count = (SHARD_UNPACKED_BYTES - _MARGIN_BYTES) // _FILE_BYTES
    return [(f"bulk{number}/{n}.txt", _text(number, n, _FILE_BYTES)) for n in range(count)]


def _of_any_size(number, chance):
    """Return the entries of a shard that is anything from nearly empty to full, as `chance` (Random) has it."""
    count = chance.randrange(5, 150)
    return [(f"mixed{number}/{n}.txt", _text(number, n, chance.randrange(1000, 2 * _FILE_BYTES))) for n in range(count)]


def _packed(entries):
    return shard(entries, lambda plain: gzip.compress(plain, 1, mtime=0))


def full_shard(name, number):
    """Return a full shard for any bundle: (as agent_box.write_bundle takes it, the manifest's entry)."""
    data, unpacked, count = _packed(_full(number))
    entry = {"name": name, "kind": "files", "sha256": sha256_hex(data), "size": len(data), "placeholders": False}
    return ("files", False, data), {**entry, "unpacked": unpacked, "entries": count}
