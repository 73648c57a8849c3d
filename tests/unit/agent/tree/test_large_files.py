"""Files too large to be held are written piece by piece, searched and proved all the same."""

import os
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.base.state import State
from agent.bundle import tar
from agent.bundle.reader import Bundle
from agent.stages import unpack
from agent.tree.residue import Residue
from shared.bundle import SHARD_PACKED_BYTES
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer
from tests.support.shops.handmade import shard
from tests.support.worlds.agent_box import NONCE, small_manifest, write_bundle

NEEDLES = [b"template.example", b"/home/template"]
SHARD = "files/0001.tar.gz"
STEP = 256 * 1024
#: Cannot be packed: its shard is larger than what is held packed.
NOISE = os.urandom(SHARD_PACKED_BYTES + 3 * STEP)


class Unpacking:
    """The stage over a bundle with one shard; `alive` counts the signs of life while it is written."""

    def __init__(self, folder, entries, placeholders=False, **values):
        self.folder, self.staging = folder, folder / "staging"
        data, unpacked, count = shard(entries)
        self.packed_bytes = len(data)
        members = {SHARD: ("files", placeholders, data)}
        manifest = small_manifest(members, residue=[needle.hex() for needle in NEEDLES])
        manifest["members"][0].update(unpacked=unpacked, entries=count)
        self.path = folder / "shop.bundle"
        self.pin = write_bundle(self.path, members, manifest)
        self.values, self.alive, self.counted = values, 0, {}

    def _tell(self, *_):
        self.alive += 1

    def run(self):
        bundle = Bundle(str(self.path), self.pin)
        self.state = State(str(self.folder))
        ctx = types.SimpleNamespace(
            bundle=bundle, manifest=bundle.manifest, values=self.values, staging=str(self.staging), state=self.state,
            renderer=Renderer(NONCE, self.values), shards=lambda: bundle.manifest["members"], take_counters=dict,
            ahead={}, check_current=lambda: None, progress=self._tell, count=self.counted.__setitem__,
            flushing=types.SimpleNamespace(add=self.state.mark_shard, finish=lambda: None),
        )  # fmt: skip
        try:
            unpack.run(ctx)
        finally:
            bundle.close()

    def code(self):
        with pytest.raises(ShoplaunchError) as caught:
            self.run()
        assert not self.state.shard_done(SHARD)
        return caught.value.code


@pytest.fixture(autouse=True)
def same_umask(monkeypatch):
    monkeypatch.setattr(os, "umask", lambda mask: mask)


@pytest.mark.parametrize("content", [NOISE, bytes(20 * 1024 * 1024), b"x" * (tar.MAX_HELD_BYTES + 1)], ids=len)
def test_a_large_file_arrives_whole_between_its_neighbours(tmp_path, content):
    alone = len(content) > 16 * 1024 * 1024
    work = Unpacking(tmp_path, [("a/large", content)] if alone else [("a", "1"), ("large", content), ("z/b", "2")])
    work.run()
    found = {path.name: path.read_bytes() for path in work.staging.rglob("*") if path.is_file()}
    assert found == ({"large": content} if alone else {"a": b"1", "large": content, "b": b"2"})
    assert work.counted == {"bytes_read": work.packed_bytes, "bytes_written": sum(map(len, found.values()))}
    assert (work.staging / ("a/large" if alone else "large")).stat().st_mtime == 1_500_000_000


def test_while_it_is_written_there_are_signs_of_life(tmp_path):
    work = Unpacking(tmp_path, [("large", NOISE)])
    work.run()
    assert work.alive >= len(NOISE) // STEP


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("needle", NEEDLES)
@pytest.mark.parametrize("at", [0, STEP - 512 - 3, 5 * STEP + 1, len(NOISE)], ids=["start", "first", "later", "end"])
def test_a_trace_of_the_template_in_it_is_found_wherever_it_is(tmp_path, needle, at):
    work = Unpacking(tmp_path, [("large", NOISE[:at] + needle + NOISE[at:])])
    assert work.code() == "residue_found"


@pytest.mark.parametrize("at", [STEP - 512 - 3, STEP - 512 - 17, len(NOISE)])
def test_the_shops_own_value_in_it_is_no_trace(tmp_path, at):
    work = Unpacking(
        tmp_path, [("large", NOISE[:at] + b"my-template.example" + NOISE[at:])], domain="my-template.example"
    )
    work.run()
    assert work.state.shard_done(SHARD)


@pytest.mark.parametrize("damaged", ["packed", "digest"])
def test_a_large_shard_that_is_not_what_the_manifest_names_is_not_used(tmp_path, damaged):
    work = Unpacking(tmp_path, [("large", NOISE)])
    data = bytearray(work.path.read_bytes())
    # In stored blocks of noise a changed byte is found by the checksum alone; in the header it is no gzip at all
    place = data.index(b"\x1f\x8b") + (4 if damaged == "digest" else 2_000_000)
    data[place] ^= 1
    work.path.write_bytes(data)
    assert work.code() == "bundle_digest"


def test_a_file_with_placeholders_is_filled_however_large(tmp_path):
    place = f"@@SL{NONCE}:domain:raw@@".encode()
    work = Unpacking(tmp_path, [("large", NOISE + place + NOISE[:9])], placeholders=True, domain="shop.example.com")
    work.run()
    assert (work.staging / "large").read_bytes() == NOISE + b"shop.example.com" + NOISE[:9]


PARTS = st.sampled_from([*NEEDLES, b"my-", b"/x", b"2", b"template", b".example", b"/home", b"\0", b"a" * 40])
VALUES = {"domain": "my-template.example", "root": "/home/template2/x"}


@settings(deadline=None)
@given(st.lists(PARTS, max_size=12).map(b"".join), st.lists(st.integers(1, 60), min_size=1, max_size=12))
def test_a_search_in_pieces_finds_what_one_over_everything_finds(content, cuts):
    residue = Residue({"residue": [needle.hex() for needle in NEEDLES]}, VALUES)
    search, found, start = residue.search(), False, 0
    while start < len(content):
        size = cuts[start % len(cuts)]
        found = search.found_in(memoryview(content)[start : start + size]) or found
        start += size
    assert (found or search.found_at_the_end()) == residue.found_in(content)
