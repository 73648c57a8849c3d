"""Bundles made to fill disk and memory are refused by a code, and cost neither."""

import gzip
import io
import os
import resource
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest

from agent.bundle import tar
from agent.bundle.reader import Bundle
from controller.bundles.residue.bundle_reader import check_members, open_bundle
from shared.archive import MAX_DIRECTORY_BYTES
from shared.bundle import MAX_MEMBER_BYTES, SHARD_UNPACKED_BYTES
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError
from tests.support.shops.handmade import packed
from tests.support.shops.hostile_bundles import SHARD, Victim, entry, refused, with_offset
from tests.support.worlds.agent_box import small_manifest, write_bundle

PROJECT = Path(__file__).resolve().parents[4]
MILLION = 1_000_000


@pytest.fixture
def victim(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "umask", lambda mask: mask)
    return Victim(tmp_path)


def test_a_shard_with_more_entries_than_the_manifest_says_is_stopped_at_the_first_too_many(victim):
    many = [entry(b"f%d" % number, b"x") for number in range(50)]
    assert refused(victim, *many, entries=3) == "bundle_damaged"
    assert len(os.listdir(victim.staging)) == 3


def of_a_million():
    """Return the packed bytes of a shard of a million empty files."""
    packer, pieces = zlib.compressobj(1, zlib.DEFLATED, 31), []
    thousand = b"".join(entry(b"f%03d" % number) for number in range(1000))
    for _ in range(MILLION // 1000):
        pieces.append(packer.compress(thousand))
    return b"".join([*pieces, packer.flush()])


def test_a_shard_of_a_million_files_is_refused_before_it_is_unpacked(victim):
    data, size = of_a_million(), MILLION * tar.BLOCK
    before = victim.outside()
    for listed in ({"entries": MILLION}, {"entries": MILLION, "unpacked": size - 1}, {}):
        with pytest.raises(ShoplaunchError) as caught:
            victim.unpack_packed(data, **{"unpacked": size, **listed} if listed else {})
        assert caught.value.code == "bundle_damaged"
        assert os.listdir(victim.staging) == []
    assert victim.outside() == before


def test_a_shard_that_is_large_for_one_file_holds_only_one(victim):
    archive = entry(b"large", bytes(SHARD_UNPACKED_BYTES)) + entry(b"second", b"x")
    assert refused(victim, archive, entries=1) == "bundle_damaged"
    victim.unpack(entry(b"large", bytes(SHARD_UNPACKED_BYTES)), entries=1)
    assert (victim.staging / "large").stat().st_size == SHARD_UNPACKED_BYTES


def in_little_memory(code, *arguments):
    """Run Python `code` with half a gigabyte of address space; return what it prints."""

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))

    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=PROJECT, preexec_fn=limit, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


OPENING = """
import sys
from pathlib import Path
from agent.bundle.reader import Bundle
from controller.bundles.residue.bundle_reader import open_bundle
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError
def code_of(call):
    try:
        call()
    except ShoplaunchError as error:
        return error.code
path = sys.argv[1]
pin = {"size": Path(path).stat().st_size, "manifest_sha256": "0" * 64}
print(code_of(lambda: Bundle(path, pin)), code_of(lambda: open_bundle(Path(path)).__enter__()))
"""


def zip_of(count, name=b"files/%07d.tar.gz", claimed=None):
    """Return a ZIP whose directory lists one member `count` times under different names."""
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 0, 0, 1, 1, 1, 0) + bytes(100)
    entries = []
    for number in range(count):
        listed = name % number
        fields = (b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 1, 1, len(listed), 0, 0, 0, 0, 0, 0)
        entries.append(struct.pack("<4s6H3L5H2L", *fields) + listed)
    directory = b"".join(entries)
    size = len(directory) if claimed is None else claimed
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, min(count, 65535), min(count, 65535), size, len(local), 0)
    if count > 65535:
        large = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, len(local))
        end = large + struct.pack("<4sLQL", b"PK\6\7", 0, len(local) + len(directory), 1) + end
    return local + directory + end


def test_a_bundle_of_a_million_members_costs_no_memory(tmp_path):
    path = tmp_path / "shop.bundle"
    path.write_bytes(zip_of(MILLION))
    assert in_little_memory(OPENING, path) == "bundle_damaged bundle_damaged"


def test_as_many_members_as_the_directory_may_list_cost_little(tmp_path):
    path = tmp_path / "shop.bundle"
    path.write_bytes(zip_of(MAX_DIRECTORY_BYTES // 49 - 10, b"%x"))
    assert in_little_memory(OPENING, path) == "bundle_damaged bundle_damaged"


@pytest.mark.parametrize("claimed", [0, 1, 70_000, 2**31, 2**32 - 1])
def test_a_directory_of_another_size_than_it_says_is_damage(tmp_path, claimed):
    path = tmp_path / "shop.bundle"
    path.write_bytes(zip_of(3, claimed=claimed))
    assert in_little_memory(OPENING, path) == "bundle_damaged bundle_damaged"


def both_refuse(path, pin):
    """Open the bundle as the agent and as the controller do; both must refuse it alike. Return the code."""
    codes = set()
    for call in (lambda: read_as_agent(path, pin), lambda: read_as_controller(path)):
        with pytest.raises(ShoplaunchError) as caught:
            call()
        codes.add(caught.value.code)
    assert len(codes) == 1, codes
    return codes.pop()


def read_as_agent(path, pin):
    bundle = Bundle(str(path), pin)
    try:
        for member in bundle.manifest["members"]:
            bundle.read(member)
    finally:
        bundle.close()


def read_as_controller(path):
    with open_bundle(path) as bundle:
        check_members(bundle)


@pytest.mark.parametrize("offset", [2**31, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_member_that_lies_far_behind_the_file_is_damage(tmp_path, offset):
    path = tmp_path / "shop.bundle"
    pin = write_bundle(path, {SHARD: ("files", False, packed(b"x"))})
    altered = with_offset(path.read_bytes(), offset)
    path.write_bytes(altered)
    assert both_refuse(path, dict(pin, size=len(altered))) == "bundle_damaged"


def test_members_that_share_their_bytes_are_damage(tmp_path):
    content = packed(bytes(1_000_000))
    members = {f"files/{number:04}.tar.gz": ("files", False, content) for number in range(50)}
    path = tmp_path / "shop.bundle"
    write_bundle(path, members)
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        manifest = archive.read("manifest.json")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as made:
        made.writestr(infos[0].filename, content)
        first = made.infolist()[0]
        made.writestr("manifest.json", manifest)
        for info in infos[1:-1]:
            info.header_offset = first.header_offset
            made.filelist.append(info)
            made.NameToInfo[info.filename] = info
    path.write_bytes(buffer.getvalue())
    pin = {"size": len(buffer.getvalue()), "manifest_sha256": sha256_hex(manifest)}
    assert both_refuse(path, pin) == "bundle_damaged"


@pytest.mark.parametrize("unpacked", [2**20, MAX_MEMBER_BYTES], ids=str)
def test_a_member_that_unpacks_to_more_than_it_says_is_never_held_in_memory(victim, unpacked):
    bomb = gzip.compress(bytes(64 * 2**20), mtime=0)
    with pytest.raises(ShoplaunchError) as caught:
        victim.unpack_packed(bomb, unpacked=unpacked, entries=1)
    assert caught.value.code == "bundle_damaged"
    assert os.listdir(victim.staging) == []


@pytest.mark.parametrize("unpacked", [MAX_MEMBER_BYTES + 1, 2**62, 2**70], ids=["1 GiB", "2**62", "2**70"])
def test_a_manifest_that_promises_more_than_memory_holds_is_invalid(victim, unpacked):
    with pytest.raises(ShoplaunchError) as caught:
        victim.unpack_packed(packed(b"x"), unpacked=unpacked, entries=1)
    assert caught.value.code == "manifest_invalid"


def test_a_manifest_of_a_million_members_is_invalid(tmp_path):
    path = tmp_path / "shop.bundle"
    manifest = small_manifest({})
    one = {"name": "files/x", "kind": "files", "sha256": "0" * 64, "size": 0, "placeholders": False}
    manifest["members"] = [one] * (MILLION // 10)
    assert both_refuse(path, write_bundle(path, {}, manifest)) == "manifest_invalid"
