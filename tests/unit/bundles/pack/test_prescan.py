"""What was searched early is spared in the finished bundle when it is the same there, and never anything else."""

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.bundles.pack.file_task import PART
from controller.bundles.pack.prescan import Prescan
from controller.bundles.pack.writer import BundleWriter
from controller.bundles.residue import exclusion
from controller.bundles.residue.exclusion import absent_from
from controller.bundles.residue.search import Searcher, search
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError
from tests.support.shops.handmade import packed, shard
from tests.support.worlds.agent_box import small_manifest, write_bundle

SECRET = b"Pa/SS-word%1"
NEEDLES = {"secret": SECRET, "domain": b"template.example"}
CLEAN, LEAKING = [("a.php", b"<?php // a word of a template")], [("a.php", b"<?php // " + SECRET)]
ROW = b"INSERT INTO `t` (`a`) VALUES ('%b');\n"


@pytest.fixture
def spool(tmp_path):
    with BundleWriter(tmp_path / "spooled.bundle") as writer:
        yield writer


@pytest.fixture
def bundle_of(tmp_path):
    """Write a bundle of (name, kind, packed bytes); return its path."""

    def written(*members):
        entries = {name: (kind, False, data) for name, kind, data in members}
        manifest = small_manifest(entries)
        for entry in manifest["members"]:
            entry["unpacked"] = len(gzip.decompress(entries[entry["name"]][2]))
        write_bundle(tmp_path / "x.bundle", entries, manifest)
        return tmp_path / "x.bundle"

    return written


def looked_through(writer, needles, shards=(), chunks=()):
    """Return a Prescan that has searched these packed members in a spool."""
    part = writer.part(PART)
    for data in shards:
        part.add("files", data, False, 0)
    for data in chunks:
        writer.add("data", data, False, 0)
    prescan = Prescan(writer, Searcher(needles))
    steps = 0
    while prescan.look():
        steps += 1
    assert steps == len(shards) + len(chunks)
    return prescan


def places_in(bundle, needles, prescan):
    with pytest.raises(ShoplaunchError) as error:
        search(bundle, needles, prescan.misses)
    assert error.value.code == "residue_in_bundle"
    return error.value.details["places"]


def test_a_clean_member_is_not_decompressed_again(spool, bundle_of, monkeypatch):
    clean, chunk = shard(CLEAN)[0], packed(ROW % b"a word")
    prescan = looked_through(spool, NEEDLES, [clean], [chunk])
    monkeypatch.setattr("controller.bundles.residue.search._places", lambda *_: pytest.fail("it was searched again"))
    search(bundle_of(("files/0001.tar.gz", "files", clean), ("db/data/0001.sql.gz", "data", chunk)), NEEDLES,
           prescan.misses)  # fmt: skip


def test_what_was_found_ahead_is_named_by_its_place(spool, bundle_of):
    leaking, chunk = shard(LEAKING)[0], packed(ROW % SECRET)
    prescan = looked_through(spool, NEEDLES, [leaking], [chunk])
    bundle = bundle_of(("files/0001.tar.gz", "files", leaking), ("db/data/0001.sql.gz", "data", chunk))
    assert places_in(bundle, NEEDLES, prescan) == [
        "a.php: secret", "db/data/0001.sql.gz line 1 (INSERT INTO `t`): secret",
    ]  # fmt: skip


def test_what_is_in_the_bundle_is_searched_and_not_what_was_looked_through(spool, bundle_of):
    prescan = looked_through(spool, NEEDLES, [shard(CLEAN)[0]])
    assert places_in(bundle_of(("files/0001.tar.gz", "files", shard(LEAKING)[0])), NEEDLES, prescan) == [
        "a.php: secret"
    ]


def test_a_member_that_was_exchanged_behind_its_digest_is_refused(spool, bundle_of):
    clean = shard(CLEAN)[0]
    prescan = looked_through(spool, NEEDLES, [clean])
    bundle = bundle_of(("files/0001.tar.gz", "files", clean))
    content = bundle.read_bytes()
    bundle.write_bytes(content.replace(clean, clean[:-1] + bytes([clean[-1] ^ 1])))
    with pytest.raises(ShoplaunchError, match=r"bundle_d(igest|amaged)"):
        search(bundle, NEEDLES, prescan.misses)


def test_a_needle_that_came_later_is_searched_for(spool, bundle_of):
    clean = shard(CLEAN)[0]
    prescan = looked_through(spool, NEEDLES, [clean])
    assert places_in(bundle_of(("files/0001.tar.gz", "files", clean)), {"late": b"of a template"}, prescan)


def test_a_needle_with_more_around_it_is_missed_where_it_was_missed_itself(spool):
    clean = shard(CLEAN)[0]
    prescan = looked_through(spool, NEEDLES, [clean])
    assert prescan.misses(sha256_hex(clean), Searcher({"domain": b"//template.example/"}).wanted(False))
    assert not prescan.misses(sha256_hex(clean), Searcher({"word": b"example"}).wanted(False))
    assert not prescan.misses(sha256_hex(shard(LEAKING)[0]), Searcher(NEEDLES).wanted(False))


def test_shards_are_not_vouched_for_in_base64_nobody_looked_for(spool):
    clean = shard(CLEAN)[0]
    prescan = looked_through(spool, NEEDLES, [clean])
    assert not prescan.misses(sha256_hex(clean), Searcher(NEEDLES).wanted(True))


def test_a_secret_across_two_pieces_is_found_at_every_place(monkeypatch):
    monkeypatch.setattr(exclusion, "_WINDOW_BYTES", 64)
    wanted = Searcher(NEEDLES).wanted(False)
    for before in range(200):
        data = gzip.compress(b"." * before + SECRET + b"." * 100)
        assert not any(part in SECRET for part in absent_from([data], wanted)), before


@pytest.mark.parametrize("spelled", [str.lower, str.upper])
def test_a_secret_in_hexadecimal_is_found_wherever_it_stands_among_other_digits(spelled, monkeypatch):
    monkeypatch.setattr(exclusion, "_WINDOW_BYTES", 64)
    coded = spelled(SECRET.hex() * 2).encode()
    wanted = Searcher({"secret": SECRET * 2}).wanted(False)
    for before in (b"", b"0", b"0aF" * 40, b"." * 50, b"." * 99, b"." + b"e" * 24 + b"."):
        for after in (b"", b"1", b"Ab2" * 40, b"." * 50):
            absent = absent_from([gzip.compress(before + coded + after)], wanted)
            assert not any(part in coded for part in absent), (before, after)


def test_a_stream_cut_short_is_no_clean_one():
    data = packed(b"x" * 1000)
    with pytest.raises(AssertionError):
        absent_from([data[:-9]], Searcher(NEEDLES).wanted(False))


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([b"pa", b"/", b"ss", b"%2F", b"\\/", b"word1", b"-", b"7", b"061", b"2f"]), max_size=30),
    st.integers(1, 40),
)
def test_nothing_that_is_there_is_ever_said_to_be_absent(parts, fed):
    data = b"".join(parts)
    stream = gzip.compress(data)
    wanted = Searcher({"one": b"pa/ss", "two": b"ss-word1", "three": b"/", "four": b"7"}).wanted(True)
    absent = absent_from([stream[at : at + fed] for at in range(0, len(stream), fed)], wanted)
    assert not [part for part in absent if part in data]
    assert all(core in absent or form in absent for core, form in wanted if form not in data)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["deadbeef", "0123456789abcdef" * 2, "DEADBEEF", "7", "f", ".", "x"]), max_size=20),
    st.integers(1, 40),
)
def test_digits_that_are_there_are_never_said_to_be_absent(parts, fed):
    data = "".join(parts).encode()
    stream = gzip.compress(data)
    needles = {"one": b"deadbeef" * 3, "two": b"0123456789abcdef" * 2, "three": bytes.fromhex("deadbeef" * 4)}
    wanted = Searcher(needles).wanted(True)
    absent = absent_from([stream[at : at + fed] for at in range(0, len(stream), fed)], wanted)
    assert not [part for part in absent if part in data]
    assert all(core in absent or form in absent for core, form in wanted if form not in data)
