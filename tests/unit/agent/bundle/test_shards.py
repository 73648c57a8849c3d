"""Shards are read and written without trusting a name or following a link."""

import hashlib
import io
import os
import stat
import tarfile
import types

import pytest

from agent.base.state import State
from agent.bundle import shards, tar
from agent.bundle.inflate import gunzip, gunzip_large, unpacking
from agent.bundle.reader import Bundle
from agent.stages import unpack as unpack_stage
from agent.tree.writer import KEPT_FOLDERS, TreeWriter
from shared.bundle import MAX_MEMBER_BYTES
from shared.errors import ShoplaunchError
from tests.support.error_codes import error_code
from tests.support.shops.handmade import packed
from tests.support.worlds.agent_box import write_bundle


def archive(*infos, form=tarfile.GNU_FORMAT):
    """Return tar bytes of (TarInfo, content) pairs."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as out:
        for info, content in infos:
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def member(name, kind=tarfile.REGTYPE, target="", content=b""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, content


def read(data):
    return list(tar.entries(tar.Window([data])))


@pytest.fixture
def writer(tmp_path):
    made = TreeWriter(str(tmp_path / "staging"))
    yield made
    made.close()


def test_long_names_and_long_targets_are_read_whole():
    name, target = "a/" * 120 + "file.php", "b" * 180
    data = archive(member(name, content=b"x" * 513), member("link", tarfile.SYMTYPE, target))
    for size in (1, 511, 512, 700, len(data)):
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        found = tar.entries(tar.Window(pieces))
        file = next(found)
        assert (file.path, bytes(file.content())) == (name.encode(), b"x" * 513)
        link = next(found)
        assert (link.kind, link.path, link.target) == (tar.LINK, b"link", target.encode())
        assert list(found) == []


@pytest.mark.parametrize("size", [1, 511, 512, 700, 5000, 1 << 20])
def test_content_that_nobody_reads_is_passed_over_in_whatever_pieces_it_comes(size):
    data = archive(*(member(f"{number}", content=bytes([number]) * 1300) for number in range(5)))
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    read = {}
    for number, entry in enumerate(tar.entries(tar.Window(pieces))):
        if number % 2:
            read[entry.path] = bytes(entry.content())
        elif number:
            next(entry.pieces())
    assert read == {b"1": b"\1" * 1300, b"3": b"\3" * 1300}


@pytest.mark.parametrize("size", [1, 512, 700, 1 << 20])
def test_only_what_fills_the_last_block_may_be_missing(size):
    data = archive(member("one", content=b"x" * 700))[: 512 + 700]
    for end, ends_within in ((len(data), False), (len(data) - 1, True), (512, True)):
        pieces = [data[start : min(end, start + size)] for start in range(0, end, size)]
        for takes in (lambda entry: None, lambda entry: entry.content(), lambda entry: list(entry.pieces())):
            found = tar.entries(tar.Window(pieces))
            try:
                takes(next(found))
                assert next(found, None) is None
                assert not ends_within
            except ShoplaunchError as problem:
                assert (problem.code, ends_within) == ("bundle_damaged", True)


@pytest.mark.parametrize("size", [1, 700, 4096, 1 << 20])
def test_whatever_is_taken_whole_was_looked_at_whole(size):
    data = archive(*(member(f"{number}", content=b"." * 900 + b"trace" * (number == 3)) for number in range(6)))
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    asked = []
    window = tar.Window(pieces, lambda held: asked.append(held) or b"trace" in held)
    seen = {}
    for entry in tar.entries(window):
        content = bytes(entry.content())
        seen[entry.path] = window.seen
        assert any(content in held for held in asked)
    assert seen[b"3"]
    assert size == 1 << 20 or not seen[b"0"]


def test_a_ustar_prefix_belongs_to_the_name():
    name = "d" * 90 + "/" + "f" * 90
    (entry,) = read(archive(member(name, content=b"1"), form=tarfile.USTAR_FORMAT))
    assert entry.path == name.encode()


@pytest.mark.parametrize(
    "kind",
    [tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE, tarfile.XHDTYPE],
)
def test_hard_links_devices_sparse_files_and_extended_headers_are_refused(kind):
    data = archive(member("x", kind, "y"))
    assert error_code(lambda: read(data)) == "unsafe_path"


def test_a_shard_cut_short_is_damaged():
    data = archive(member("x", content=b"1" * 2000))
    assert error_code(lambda: read(data[:1500])) == "bundle_damaged"


def test_a_header_that_is_no_number_is_damaged():
    data = bytearray(archive(member("x", content=b"1")))
    data[124:136] = b"not a number"
    assert error_code(lambda: read(bytes(data))) == "bundle_damaged"


both_ways = pytest.mark.parametrize("unpack", [gunzip, gunzip_large])


@both_ways
@pytest.mark.parametrize("content", [b"", b"0123456789", os.urandom(700_000), bytes(3_000_000) + b"end"])
def test_a_member_is_unpacked_whole(unpack, content):
    assert unpack(packed(content), len(content)) == content


@both_ways
@pytest.mark.parametrize("size", [9, 11])
def test_a_member_of_another_size_than_the_manifest_says_is_damaged(unpack, size):
    assert error_code(lambda: unpack(packed(b"0123456789"), size)) == "bundle_damaged"


@both_ways
def test_a_member_is_never_unpacked_beyond_its_size(unpack):
    assert error_code(lambda: unpack(packed(bytes(10_000_000)), 1000)) == "bundle_damaged"


@pytest.mark.parametrize("size", [1000, 300_000])
def test_of_a_member_larger_than_the_manifest_says_no_more_is_handed_on(size):
    bomb, handed_on = packed(bytes(10_000_000)), []
    assert error_code(lambda: handed_on.extend(map(len, unpacking([bomb], len(bomb), size)))) == "bundle_damaged"
    assert sum(handed_on) <= size


@pytest.mark.parametrize(("size", "says"), [(1000, 10_000_000), (2**30, MAX_MEMBER_BYTES + 1)])
def test_a_member_that_cannot_hold_what_the_manifest_says_is_refused_before_it_is_read(size, says):
    def untouched():
        pytest.fail("it is read")
        yield

    assert error_code(lambda: list(unpacking(untouched(), size, says))) == "bundle_damaged"


@both_ways
def test_no_room_is_made_for_more_than_a_member_can_hold(unpack):
    assert error_code(lambda: unpack(packed(b"0123456789"), 2**62)) == "bundle_damaged"


@both_ways
@pytest.mark.parametrize("more", [b"more", packed(b"another member")])
def test_a_member_with_something_behind_it_is_damaged(unpack, more):
    assert error_code(lambda: unpack(packed(b"0123456789") + more, 10)) == "bundle_damaged"


@both_ways
@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: b"PK" + data, lambda data: data[:3] + b"\x08" + data[4:]]
)
def test_a_member_cut_short_or_changed_is_damaged(unpack, damage):
    assert error_code(lambda: unpack(damage(packed(b"0123456789" * 1000)), 10_000)) == "bundle_damaged"


@pytest.mark.parametrize("path", [b"/etc/x", b"../x", b"a/../x", b"a//x", b"./x", b"a/x\n", b"a\\x", b"", b"n" * 256])
def test_names_that_could_leave_the_tree_are_refused(writer, path):
    assert error_code(lambda: writer.file(path, b"x", 0o644)) == "unsafe_path"
    assert error_code(lambda: writer.folder(path, 0o755)) == "unsafe_path"
    assert error_code(lambda: writer.link(path, b"x")) == "unsafe_path"


@pytest.mark.parametrize("target", [b"/etc/passwd", b"../x", b"x/../../y", b""])
def test_links_that_leave_the_tree_are_refused(writer, target):
    assert error_code(lambda: writer.link(b"link", target)) == "unsafe_path"


def test_a_file_through_a_link_of_an_earlier_shard_is_refused(tmp_path, writer):
    writer.folder(b"real", 0o755)
    writer.link(b"link", b"real")
    assert error_code(lambda: writer.file(b"link/x", b"x", 0o644)) == "unsafe_path"
    assert os.listdir(tmp_path / "staging" / "real") == []


@pytest.mark.parametrize("plant", ["symbolic", "hard"])
def test_a_planted_link_is_replaced_and_never_written_through(tmp_path, writer, plant):
    canary = tmp_path / "canary"
    canary.write_text("mine")
    if plant == "hard":
        os.link(canary, tmp_path / "staging" / "x")
    else:
        os.symlink(canary, tmp_path / "staging" / "x")
    writer.file(b"x", b"new", 0o644)
    assert canary.read_text() == "mine"
    assert (tmp_path / "staging" / "x").read_bytes() == b"new"
    assert not (tmp_path / "staging" / "x").is_symlink()


def test_a_staging_folder_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "staging").symlink_to(tmp_path / "elsewhere")
    assert error_code(lambda: TreeWriter(str(tmp_path / "staging"))) == "path_refused"


def test_a_staging_folder_of_somebody_else_is_refused(tmp_path):
    (tmp_path / "staging").mkdir()
    os.chown(tmp_path / "staging", 12345, 12345)
    assert error_code(lambda: TreeWriter(str(tmp_path / "staging"))) == "path_refused"


def test_a_folder_where_a_file_must_be_is_refused(tmp_path, writer):
    (tmp_path / "staging" / "x").mkdir()
    assert error_code(lambda: writer.file(b"x", b"x", 0o644)) == "path_refused"


def test_mode_and_time_are_kept_but_nobody_else_may_write(tmp_path, writer):
    writer.file(b"plain", b"x", 0o664, 1_500_000_000)
    writer.file(b"private", b"x", 0o600)
    writer.folder(b"folder", 0o777)
    found = {name: os.stat(tmp_path / "staging" / name) for name in ("plain", "private", "folder")}
    assert {name: stat.S_IMODE(item.st_mode) for name, item in found.items()} == {
        "plain": 0o644,
        "private": 0o600,
        "folder": 0o755,
    }
    assert found["plain"].st_mtime == 1_500_000_000


def test_more_folders_than_may_be_open_at_once_are_written(tmp_path, writer):
    before = len(os.listdir("/proc/self/fd"))
    for number in range(3 * KEPT_FOLDERS):
        writer.file(b"deep/er/%d/x" % number, b"%d" % number, 0o644)
    assert len(os.listdir("/proc/self/fd")) < before + KEPT_FOLDERS + 5
    for number in (0, KEPT_FOLDERS, 3 * KEPT_FOLDERS - 1):
        assert (tmp_path / "staging" / "deep" / "er" / str(number) / "x").read_text() == str(number)


def test_writing_again_gives_the_same_tree(tmp_path, writer):
    for _ in range(2):
        writer.folder(b"a", 0o755)
        writer.file(b"a/b", b"content", 0o644, 1_500_000_000)
        writer.link(b"a/c", b"b")
    assert sorted(os.listdir(tmp_path / "staging" / "a")) == ["b", "c"]
    assert (tmp_path / "staging" / "a" / "c").read_text() == "content"


def test_a_shard_counts_as_unpacked_only_when_all_of_it_was_written(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "umask", lambda mask: mask)
    whole = archive(member("a", content=b"a"), member("b", content=b"b"))
    broken = archive(member("a", content=b"a"), member("../b", content=b"b"))
    state = State(str(tmp_path))
    ctx = types.SimpleNamespace(
        manifest={"residue": []}, values={}, staging=str(tmp_path / "staging"), state=state,
        renderer=types.SimpleNamespace(render=lambda data: data), check_current=lambda: None,
        progress=lambda *_: None, count=lambda *_: None, take_counters=dict, ahead={},
        flushing=types.SimpleNamespace(add=state.mark_shard, finish=lambda: None),
        bundle=types.SimpleNamespace(read=lambda shard: packed(shard["content"])),
        shards=lambda: [{"name": "1", "size": 1, "placeholders": False, "content": content} for content in contents],
    )  # fmt: skip
    contents = [broken]
    assert error_code(lambda: unpack_stage.run(ctx)) == "unsafe_path"
    state.end_stage("unpack", "failed", 0.0)
    state.settle()
    assert not State(str(tmp_path)).shard_done("1")
    contents = [whole]
    unpack_stage.run(ctx)
    state.end_stage("unpack", "done", 0.0)
    state.settle()
    assert State(str(tmp_path)).shard_done("1")
    assert sorted(os.listdir(ctx.staging)) == ["a", "b"]


@pytest.mark.parametrize("largest", [1, 1 << 20])
def test_a_member_with_other_bytes_than_its_digest_says_is_refused_though_it_unpacks(tmp_path, monkeypatch, largest):
    data = packed(b"0123456789" * 1000)
    changed = data[:-1] + bytes([data[-1] ^ 1])
    pin = write_bundle(tmp_path / "shop.bundle", {"files/0001.tar.gz": ("files", False, changed)})
    bundle = Bundle(str(tmp_path / "shop.bundle"), pin)
    (member,) = bundle.manifest["members"]
    member.update(unpacked=10_000, sha256=hashlib.sha256(data).hexdigest())
    # Held packed, or too large for that
    monkeypatch.setattr(shards, "SHARD_PACKED_BYTES", largest)
    assert error_code(lambda: b"".join(shards.unpacked(bundle, member))) == "bundle_digest"
