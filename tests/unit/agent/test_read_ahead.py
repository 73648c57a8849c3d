"""Shards are unpacked in memory until there is an order, never beyond what an account has, and never unchecked."""

import os

import pytest

from agent import shards
from shared.bundle import SHARD_UNPACKED_BYTES
from shared.errors import ShoplaunchError
from tests.agent_box import small_manifest, write_bundle
from tests.handmade import packed

#: Not repetitive: packed it is about as large.
NOISE = os.urandom(2 * 1024 * 1024)


class Folder:
    """An account's folder with a bundle of shards, and the pipe by which the helper gets its order."""

    def __init__(self, path, contents, sizes=None):
        self.path = path
        self.orders, self.parent = os.pipe()
        members = {f"files/{number}.tar.gz": ("files", False, packed(data)) for number, data in enumerate(contents)}
        manifest = small_manifest(members)
        for entry, size in zip(manifest["members"], sizes or map(len, contents), strict=True):
            entry.update(unpacked=size, entries=1)
        self.job = {"bundle": dict(write_bundle(path / "bundle.zip", members, manifest), path=str(path / "bundle.zip"))}

    def ahead(self, done=()):
        return shards.read_ahead(self.job, str(self.path), lambda name: name in done, self.orders)

    def close(self):
        os.close(self.orders)
        os.close(self.parent)


@pytest.fixture
def folder(tmp_path):
    made = []

    def make(*contents, sizes=None):
        made.append(Folder(tmp_path, contents, sizes))
        return made[0]

    yield make
    made[0].close()


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


def test_an_order_that_comes_meanwhile_ends_it_and_nothing_of_the_shard_is_lost(folder, monkeypatch):
    place, words = folder(NOISE, b"second"), iter([False] * 3)
    monkeypatch.setattr(shards, "_has_word", lambda _orders: next(words, True))
    ahead = place.ahead()
    assert list(ahead) == ["files/0.tar.gz"]
    assert b"".join(ahead["files/0.tar.gz"]) == NOISE


def test_it_holds_no_more_than_a_shard_s_worth(folder, monkeypatch):
    monkeypatch.setattr(shards, "AHEAD_BYTES", 1024 * 1024)
    held, keep = [], shards._held
    monkeypatch.setattr(shards, "_held", lambda *given: held.append(keep(*given)) or held[-1])
    ahead = folder(NOISE, NOISE).ahead()
    assert list(ahead) == ["files/0.tar.gz"]
    assert 1024 * 1024 <= sum(map(len, held[0])) <= 2 * 1024 * 1024 - 1
    assert b"".join(ahead["files/0.tar.gz"]) == NOISE


def test_the_limit_is_one_shard():
    assert shards.AHEAD_BYTES == SHARD_UNPACKED_BYTES


def test_shards_that_are_done_are_left_out(folder):
    ahead = folder(b"first", b"second").ahead(done=["files/0.tar.gz"])
    assert list(ahead) == ["files/1.tar.gz"]


def test_a_shard_that_is_not_what_the_manifest_says_is_left_to_the_stage(folder):
    place = folder(b"first", NOISE)
    whole = (place.path / "bundle.zip").read_bytes()
    at = whole.index(packed(NOISE)[100:200])
    (place.path / "bundle.zip").write_bytes(whole[:at] + bytes(50) + whole[at + 50 :])
    assert list(place.ahead()) == ["files/0.tar.gz"]


def test_without_a_bundle_there_is_nothing_ahead(folder):
    place = folder(b"first")
    (place.path / "bundle.zip").unlink()
    assert place.ahead() == {}


def test_a_shard_that_turns_out_shorter_than_said_is_refused_when_it_is_taken(folder, monkeypatch):
    monkeypatch.setattr(shards, "AHEAD_BYTES", 1)
    place = folder(NOISE, sizes=[len(NOISE) + 1])
    with pytest.raises(ShoplaunchError, match="bundle_damaged"):
        b"".join(place.ahead()["files/0.tar.gz"])
