"""Hostile bundles and shards, and the account in which an agent unpacks one."""

import stat
import struct
import tarfile
import types
import zipfile
from contextlib import contextmanager

import pytest

from agent.base.state import State
from agent.bundle import tar
from agent.bundle.reader import Bundle
from agent.stages import unpack
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer
from tests.support.shops.handmade import packed
from tests.support.worlds.agent_box import NONCE, small_manifest, write_bundle

SHARD = "files/0001.tar.gz"


@contextmanager
def large_from(size, count):
    """Within this, zipfile writes as it does for large archives where there are `count` members or `size` bytes."""
    before = zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT
    zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = size, count
    try:
        yield
    finally:
        zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = before


def entry(name, content=b"", kind=tar.FILE, target=b"", **raw):
    """Return one tar entry with any bytes as its name; `raw` replaces header fields (size)."""
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, len(content)
    blocks = b""
    for flag, text in ((b"L", name), (b"K", target)):
        if len(text) > 100:
            long = tarfile.TarInfo("long")
            long.type, long.size = flag, len(text)
            blocks += long.tobuf(tarfile.GNU_FORMAT) + text + bytes(-len(text) % tar.BLOCK)
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[0:100] = name[:100].ljust(100, b"\0")
    header[157:257] = target[:100].ljust(100, b"\0")
    header[124:136] = raw.get("size", bytes(header[124:136]))
    return blocks + bytes(header) + content + bytes(-len(content) % tar.BLOCK)


class Victim:
    """An account in which one shard is unpacked by the agent's own stage, from a bundle on the disk."""

    def __init__(self, folder):
        self.folder = folder
        self.staging = folder / "home" / "staging"
        (folder / "home" / "deep" / "er").mkdir(parents=True)
        self.staging.mkdir()
        for name in ("secret", "home/secret", "home/deep/secret", "home/deep/er/secret"):
            (folder / name).write_text("mine")

    def outside(self):
        """Return everything that lies outside of the staging folder, with content, rights and time."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            if path != self.staging and self.staging not in path.parents and path.suffix not in (".bundle", ".json"):
                known = path.lstat()
                content = path.read_bytes() if stat.S_ISREG(known.st_mode) else None
                found[path] = (content, known.st_mode, known.st_nlink)
        return found

    def unpack(self, archive, values=None, **listed):
        """Unpack `archive` (tar bytes) as an agent would whose job pins this very bundle."""
        self.unpack_packed(packed(archive), values=values, **{"unpacked": len(archive), **listed})

    def unpack_packed(self, data, values=None, **listed):
        (self.folder / "state.json").unlink(missing_ok=True)
        members = {SHARD: ("files", bool(values), data)}
        manifest = small_manifest(members)
        manifest["members"][0].update(listed)
        path = self.folder / "shop.bundle"
        bundle = Bundle(str(path), write_bundle(path, members, manifest))
        state = State(str(self.folder))
        ctx = types.SimpleNamespace(
            bundle=bundle, manifest=bundle.manifest, values={}, staging=str(self.staging), state=state,
            flushing=types.SimpleNamespace(add=state.mark_shard, finish=lambda: None),
            renderer=Renderer(NONCE, values or {}), shards=lambda: bundle.manifest["members"],
            take_counters=dict, ahead={}, check_current=lambda: None, progress=lambda *_: None, count=lambda *_: None,
        )  # fmt: skip
        try:
            unpack.run(ctx)
        finally:
            bundle.close()


def refused(victim, *entries, **listed):
    """Unpack the entries; nothing outside may change. Return the code."""
    before = victim.outside()
    with pytest.raises(ShoplaunchError) as caught:
        victim.unpack(b"".join(entries), **listed)
    assert victim.outside() == before
    return caught.value.code


def with_offset(data, offset):
    """Return the bundle `data` (bytes), the place of its first member written in 64 bits as `offset`."""
    altered = bytearray(data)
    place = altered.index(b"PK\1\2")
    length = struct.unpack("<H", altered[place + 28 : place + 30])[0]
    extra = struct.pack("<HHQ", 1, 8, offset)
    altered[place + 30 : place + 32] = struct.pack("<H", len(extra))
    altered[place + 42 : place + 46] = b"\xff" * 4
    altered[place + 46 + length : place + 46 + length] = extra
    end = altered.rindex(b"PK\5\6")
    size = struct.unpack("<L", altered[end + 12 : end + 16])[0]
    altered[end + 12 : end + 16] = struct.pack("<L", size + len(extra))
    return bytes(altered)
