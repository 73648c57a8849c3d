"""A file that is added as a bundle is copied only as far as it is one, and only where it leaves others their disk."""

import shutil
import struct
from pathlib import Path

import pytest

from controller.jobs.lifecycle import bundle_store
from controller.jobs.lifecycle.bundle_store import Bundles
from shared.errors import ShoplaunchError
from tests.attacks.table import attack

HOLE = 1 << 40


@pytest.fixture
def source(world, tmp_path):
    """A bundle that nobody has added under another name yet."""
    return Path(shutil.copy(world.config.bundles / "classic.bundle", tmp_path / "bought.bundle"))


@pytest.fixture
def refused(world, monkeypatch):
    """A function: add the file, and return why it is refused before a byte of it is copied."""

    def copied(*_about):
        raise AssertionError("it is copied")

    def add(path):
        monkeypatch.setattr(bundle_store, "_copied", copied)
        with pytest.raises(ShoplaunchError) as failure:
            Bundles(world.config, world.engine).add("bought", path)
        return failure.value

    return add


@attack(
    "somebody adds a file of a terabyte of holes, which is no bundle",
    "it is refused before a byte is copied: the disk stays free for the controller's database",
)
def test_a_file_that_is_no_bundle_is_not_copied(refused, tmp_path):
    path = tmp_path / "bought.bundle"
    with path.open("wb") as file:
        file.truncate(HOLE)
    assert refused(path).code == "bundle_damaged"


@attack(
    "a bundle's seller leaves a hole of a terabyte between the members, which weighs nothing in an archive",
    "it is refused before a byte is copied: neither the controller nor any account fetches the hole",
)
def test_a_bundle_of_holes_is_not_copied(refused, source, tmp_path):
    data = source.read_bytes()
    end = struct.unpack("<4s4H2LH", data[-22:])
    start = end[6]
    large = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, end[3], end[4], end[5], HOLE)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, HOLE + end[5], 1)
    last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, end[3], end[4], end[5], 0xFFFFFFFF, 0)
    with source.open("r+b") as file:
        file.truncate(start)
        file.seek(HOLE)
        file.write(data[start:-22] + large + locator + last)
    with bundle_store.open_bundle(source) as opened:
        assert opened.manifest and opened.size > HOLE
    assert refused(source).code == "bundle_damaged"


@attack(
    "an operator adds a bundle that is larger than what is free of the disk",
    "it is refused before a byte is copied, with what is free and what is needed",
)
def test_a_bundle_without_room_is_not_copied(refused, source, monkeypatch):
    size = source.stat().st_size
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: shutil._ntuple_diskusage(10**12, 10**12 - size, size))
    refusal = refused(source)
    assert refusal.code == "disk_full" and "are free" in refusal.message


@attack(
    "somebody goes on writing to a file while it is added as a bundle",
    "it is read to the end that it had when it was looked at first, and no further",
)
def test_a_file_that_grows_while_it_is_added_is_copied_to_an_end(world, source, monkeypatch):
    before, begin = source.read_bytes(), bundle_store.open_private

    def grown(path):
        with source.open("ab") as file:
            file.write(b"x" * 1000)
        return begin(path)

    monkeypatch.setattr(bundle_store, "open_private", grown)
    store = Bundles(world.config, world.engine)
    store.add("bought", source)
    assert store.path("bought").read_bytes() == before
