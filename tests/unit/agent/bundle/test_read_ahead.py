"""Shards are unpacked in memory until there is an order, never beyond what an account has, and never unchecked."""

import gzip
import os
import types

import pytest

from agent.bundle import shards
from agent.bundle.reader import open_early
from agent.stages import unpack, verify
from shared.errors import ShoplaunchError
from tests.support.shops.handmade import packed, shard
from tests.support.worlds.agent_box import small_manifest, write_bundle

MIB = 1024 * 1024
#: Not repetitive: packed it is about as large.
NOISE = os.urandom(2 * MIB)


def stored(data):
    """Return gzip bytes that hold `data` as it is."""
    return gzip.compress(data, 0, mtime=0)


def tar_of(entries):
    """Return an archive of `entries` (path, content)."""
    return shard(entries, lambda plain: plain)[0]


class Folder:
    """An account's folder with a bundle of shards, and the pipe by which the helper gets its order."""

    def __init__(self, path, contents, sizes=None, pack=packed, **listed):
        self.path = path
        self.orders, self.parent = os.pipe()
        members = {f"files/{number}.tar.gz": ("files", False, pack(data)) for number, data in enumerate(contents)}
        manifest = small_manifest(members)
        for entry, size in zip(manifest["members"], sizes or map(len, contents), strict=True):
            entry.update({"unpacked": size, "entries": 1, **listed} if size else {})
        self.job = {"bundle": dict(write_bundle(path / "bundle.zip", members, manifest), path=str(path / "bundle.zip"))}

    def bundle(self):
        """Return the Bundle, opened anew, None where that cannot be."""
        return open_early(self.job, str(self.path))

    def ahead(self, done=()):
        return shards.read_ahead(self.bundle(), None, lambda name: name in done, self.orders)

    def spoil(self, content):
        """Where the bundle held `content` it holds nothing."""
        whole = (self.path / "bundle.zip").read_bytes()
        assert whole.count(content) == 1
        (self.path / "bundle.zip").write_bytes(whole.replace(content, bytes(len(content))))

    def leave(self):
        """The parent is gone."""
        os.close(self.parent)
        self.parent = None

    def close(self):
        os.close(self.orders)
        if self.parent is not None:
            os.close(self.parent)


@pytest.fixture
def folder(tmp_path):
    made = []

    def make(*contents, **how):
        made.append(Folder(tmp_path, contents, **how))
        return made[0]

    yield make
    made[0].close()


@pytest.fixture
def held(monkeypatch):
    """What is held of each shard that was begun, in bytes."""
    found, keep = [], shards._held

    def count(*given):
        kept = keep(*given)
        found.append(sum(map(len, kept[0])))
        return kept

    monkeypatch.setattr(shards, "_held", count)
    return found


def test_what_was_read_ahead_and_what_comes_later_is_the_shard(folder):
    ahead = folder(NOISE, b"second").ahead()
    assert {name: b"".join(pieces) for name, pieces in ahead.items()} == {
        "files/0.tar.gz": NOISE,
        "files/1.tar.gz": b"second",
    }


def test_it_needs_the_bundle_no_more_for_what_it_holds(folder):
    place = folder(NOISE)
    ahead = place.ahead()
    os.truncate(place.path / "bundle.zip", 0)
    assert b"".join(ahead["files/0.tar.gz"]) == NOISE


def test_an_order_that_is_there_is_not_kept_waiting(folder):
    place = folder(NOISE)
    os.write(place.parent, b"{}\n")
    assert place.ahead() == {}


def test_without_a_parent_nothing_is_read(folder):
    place = folder(NOISE)
    place.leave()
    assert place.ahead() == {}


def test_an_order_that_comes_meanwhile_ends_it_and_nothing_of_the_shard_is_lost(folder, monkeypatch):
    place, words = folder(NOISE, b"second"), iter([False] * 3)
    monkeypatch.setattr(shards, "_has_word", lambda _orders: next(words, True))
    ahead = place.ahead()
    assert list(ahead) == ["files/0.tar.gz"]
    assert b"".join(ahead["files/0.tar.gz"]) == NOISE


def test_the_limit_leaves_two_thirds_of_the_memory_to_all_else():
    assert shards.AHEAD_BYTES == 72 * MIB // 3


def test_it_holds_no_more_than_the_limit_packed_bytes_of_a_shard_that_is_begun_among_them(folder, held, monkeypatch):
    monkeypatch.setattr(shards, "AHEAD_BYTES", 3 * MIB)
    ahead = folder(NOISE, NOISE).ahead()
    assert list(ahead) == ["files/0.tar.gz"]
    (size,) = held
    # Noise packs to a little more than itself
    assert 0.9 * MIB <= size <= 1.5 * MIB
    assert b"".join(ahead["files/0.tar.gz"]) == NOISE


def test_packed_bytes_of_a_shard_at_its_end_leave_room_for_the_next_one(folder, held, monkeypatch):
    monkeypatch.setattr(shards, "AHEAD_BYTES", 5 * MIB)
    ahead = folder(NOISE, NOISE).ahead()
    assert list(ahead) == ["files/0.tar.gz", "files/1.tar.gz"]
    assert held[0] == 2 * MIB and 0.5 * MIB <= held[1] <= 1.5 * MIB
    assert b"".join(ahead["files/1.tar.gz"]) == NOISE


def test_a_shard_that_finds_no_room_is_not_begun(folder, monkeypatch):
    monkeypatch.setattr(shards, "AHEAD_BYTES", MIB)
    assert folder(NOISE).ahead() == {}


def test_a_shard_of_an_old_bundle_that_would_come_all_at_once_is_left_to_the_stage(folder):
    assert list(folder(b"first", b"second", b"third", sizes=[5, 0, 5]).ahead()) == ["files/0.tar.gz"]


def test_shards_that_are_done_are_left_out(folder):
    ahead = folder(b"first", b"second").ahead(done=["files/0.tar.gz"])
    assert list(ahead) == ["files/1.tar.gz"]


def test_a_shard_that_is_not_what_the_manifest_says_is_left_to_the_stage(folder):
    place = folder(b"first", NOISE)
    place.spoil(packed(NOISE)[100:200])
    assert list(place.ahead()) == ["files/0.tar.gz"]


def test_the_digest_of_a_large_shard_is_checked_though_its_end_comes_later(folder, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_PACKED_BYTES", MIB)
    monkeypatch.setattr(shards, "AHEAD_BYTES", MIB)
    place = folder(NOISE, pack=stored, sha256="0" * 64)
    with pytest.raises(ShoplaunchError, match="bundle_digest"):
        b"".join(place.ahead()["files/0.tar.gz"])


def test_a_large_shard_that_is_right_comes_whole(folder, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_PACKED_BYTES", MIB)
    monkeypatch.setattr(shards, "AHEAD_BYTES", MIB)
    assert b"".join(folder(NOISE, pack=stored).ahead()["files/0.tar.gz"]) == NOISE


def test_without_a_bundle_there_is_nothing_ahead(folder):
    place = folder(b"first")
    (place.path / "bundle.zip").unlink()
    assert place.bundle() is None
    assert place.ahead() == {}


def test_a_job_without_a_bundle_is_left_to_the_stage_that_says_so(folder):
    place = folder(b"first")
    del place.job["bundle"]
    assert place.bundle() is None


def test_a_bundle_that_is_not_the_one_the_job_names_is_left_to_the_stage_that_says_so(folder):
    place = folder(b"first")
    place.job["bundle"]["manifest_sha256"] = "0" * 64
    assert place.bundle() is None


def test_what_was_opened_early_is_opened_no_second_time(folder, monkeypatch):
    monkeypatch.setattr(verify, "check_clock", lambda _ctx: None)
    monkeypatch.setattr(verify, "open_bundle", lambda *_: pytest.fail("it is open"))
    monkeypatch.setattr(verify.resume, "forget_rendered", lambda _ctx: None)
    place = folder(b"first")
    bundle = place.bundle()
    ctx = types.SimpleNamespace(
        kind="restore", job=place.job, bundle=bundle, variant=None, values=dict.fromkeys(bundle.manifest["values"], "x")
    )
    verify.run(ctx)
    assert ctx.bundle is bundle and ctx.manifest is bundle.manifest


def test_only_the_shards_of_the_variant_that_is_wanted_are_read(folder):
    place = folder(b"first", b"second")
    bundle = place.bundle()
    bundle.manifest["members"][1].update(kind="variant_files", variant="red")
    for variant, wanted in ((None, ["files/0.tar.gz"]), ("red", ["files/0.tar.gz", "files/1.tar.gz"])):
        assert list(shards.read_ahead(bundle, variant, lambda _name: False, place.orders)) == wanted


def test_without_memory_for_it_nothing_is_kept(folder, monkeypatch):
    place, real = folder(b"first", b"second"), shards.unpacked

    def unpacked(bundle, member):
        if member["name"] == "files/1.tar.gz":
            raise MemoryError
        return real(bundle, member)

    monkeypatch.setattr(shards, "unpacked", unpacked)
    assert place.ahead() == {}


def test_a_shard_that_turns_out_shorter_than_said_is_refused_when_it_is_taken(folder, monkeypatch):
    monkeypatch.setattr(shards, "AHEAD_BYTES", 3 * MIB)
    place = folder(NOISE, sizes=[len(NOISE) + 1])
    with pytest.raises(ShoplaunchError, match="bundle_damaged"):
        b"".join(place.ahead()["files/0.tar.gz"])


def test_the_stage_takes_what_was_read_ahead_and_reads_it_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "umask", lambda mask: mask)
    pieces = [tar_of([("a.txt", "from memory")])]
    ctx = types.SimpleNamespace(
        manifest={"residue": []}, values={}, staging=str(tmp_path / "staging"), ahead={"1": iter(pieces)},
        state=types.SimpleNamespace(shard_done=lambda _name: False),
        flushing=types.SimpleNamespace(add=lambda *_: None, finish=lambda: None),
        renderer=types.SimpleNamespace(render=lambda data: data), check_current=lambda: None,
        progress=lambda *_: None, count=lambda *_: None, take_counters=dict,
        bundle=types.SimpleNamespace(read=lambda _shard: pytest.fail("it was read before")),
        shards=lambda: [{"name": "1", "size": 1, "placeholders": False, "unpacked": len(pieces[0]), "entries": 1}],
    )  # fmt: skip
    unpack.run(ctx)
    assert (tmp_path / "staging" / "a.txt").read_text() == "from memory"
    assert ctx.ahead == {}
