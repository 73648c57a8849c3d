"""Bundles made to write elsewhere: refused by a code, nothing outside is touched."""

import contextlib
import itertools
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.bundle import tar
from agent.tree.writer import TreeWriter
from shared.errors import ShoplaunchError
from shared.placeholders import token
from tests.support.shops.hostile_bundles import Victim, entry, refused
from tests.support.worlds.agent_box import NONCE

#: Examples of a nightly run.
NIGHTLY = 20_000 if os.environ.get("SHOPLAUNCH_NIGHTLY") else 0


@pytest.fixture
def victim(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "umask", lambda mask: mask)
    return Victim(tmp_path)


LEAVING = {
    "absolute": b"/tmp/shoplaunch-was-here",
    "absolute twice": b"//tmp/shoplaunch-was-here",
    "the folder above": b"../secret",
    "from within": b"a/../../secret",
    "at the end": b"a/..",
    "dots alone": b"..",
    "behind a dot": b"./../secret",
    "with a backslash": b"..\\secret",
    "a line end": b"a\n/../../secret",
    "empty": b"",
    "4096 bytes": b"d/" * 2047 + b"ab",
    "a name of 4096 bytes": b"n" * 4096,
    "a name of 256 bytes": b"n" * 256,
    "a million bytes": b"a/" * 500_000 + b"a",
    "NUL in a long name": b"a" * 120 + b"\0/../../secret",
    "1,500 folders": b"a/" * 1500 + b"a",
    "201 parts": b"a/" * 200 + b"a",
}


@pytest.mark.parametrize("kind", [tar.FILE, tar.FOLDER, tar.LINK], ids=["file", "folder", "link"])
@pytest.mark.parametrize("name", LEAVING)
def test_a_path_that_is_not_below_the_tree_is_refused(victim, name, kind):
    assert refused(victim, entry(LEAVING[name], b"", kind, b"x")) == "unsafe_path"


@pytest.mark.parametrize("value", ["../secret", "/tmp/shoplaunch-was-here", "..", "a/../../secret", "a\0b"])
def test_a_value_that_becomes_part_of_a_path_cannot_lead_out_of_the_tree_either(victim, value):
    name = token(NONCE, "admin_folder")
    assert refused(victim, entry(name, b"x"), values={"admin_folder": value}) == "unsafe_path"


@pytest.mark.parametrize(
    "target",
    [b"/etc/passwd", b"..", b"../secret", b"a/../../secret", b"./../secret", b"", b"../" * 1365 + b"etc", b"t" * 5000,
     b"a\nb"],
    ids=lambda target: target[:12].decode() + str(len(target)),
)  # fmt: skip
def test_a_link_out_of_the_tree_is_refused(victim, target):
    assert refused(victim, entry(b"link", b"", tar.LINK, target)) == "unsafe_path"


@pytest.mark.parametrize(
    "through", [b"link/x", b"link/deep/x", b"real/../link/x"], ids=["straight", "deeper", "by detour"]
)
def test_nothing_is_written_through_a_link(victim, through):
    entries = [entry(b"real", b"", tar.FOLDER), entry(b"link", b"", tar.LINK, b"real"), entry(through, b"x")]
    assert refused(victim, *entries) == "unsafe_path"
    assert os.listdir(victim.staging / "real") == []


def test_a_link_takes_no_folders_place_and_a_folder_no_links(victim):
    inside = [entry(b"a", b"", tar.FOLDER), entry(b"b", b"", tar.FOLDER)]
    assert refused(victim, *inside, entry(b"a", b"", tar.LINK, b"b"), entry(b"a/x", b"x")) == "path_refused"
    linked = [entry(b"b", b"", tar.FOLDER), entry(b"l", b"", tar.LINK, b"b")]
    assert refused(victim, *linked, entry(b"l", b"", tar.FOLDER)) == "unsafe_path"


def test_links_that_leave_the_tree_only_together_are_refused(victim):
    deep = [entry(b"x/y/z", b"", tar.FOLDER), entry(b"x/y/z/top", b"", tar.LINK, b"../../..")]
    assert refused(victim, *deep, entry(b"out", b"", tar.LINK, b"x/y/z/top/../secret")) == "unsafe_path"


PARTS = st.sampled_from([b"a", b"b", b"c"])
PATHS = st.lists(PARTS, min_size=1, max_size=4).map(b"/".join)
TARGETS = st.lists(st.one_of(PARTS, st.just(b".."), st.just(b".")), min_size=1, max_size=6).map(b"/".join)


def test_whatever_links_a_bundle_holds_none_leads_out_of_the_tree(tmp_path):
    outcomes = []

    @settings(max_examples=NIGHTLY or 400, deadline=None, database=None)
    @given(st.lists(st.tuples(PATHS, st.none() | TARGETS), max_size=12))
    def unpacked(entries):
        root = tmp_path / str(len(outcomes))
        writer = TreeWriter(str(root))
        refusals = 0
        for path, target in entries:
            try:
                writer.folder(path, 0o755) if target is None else writer.link(path, target)
            except ShoplaunchError as error:
                assert error.code in ("unsafe_path", "path_refused")
                refusals += 1
        writer.close()
        for path in [*root.rglob("*")]:
            # Links in a circle lead nowhere
            with contextlib.suppress(RuntimeError, OSError):
                assert path.resolve().is_relative_to(root), (entries, path)
        outcomes.append(len(entries) - refusals)

    unpacked()
    assert max(outcomes) > 3


@pytest.mark.parametrize(
    "kind", [b"1", b"3", b"4", b"6", b"7", b"S", b"x", b"g", b"V", b"M", b"D", b"N", b"\xff"], ids=repr
)
def test_hard_links_devices_pipes_and_whatever_else_there_is_are_refused(victim, kind):
    assert refused(victim, entry(b"x", b"", kind, b"../secret")) == "unsafe_path"


def test_names_that_differ_in_case_alone_are_different_files_and_no_way_around(victim):
    victim.unpack(
        b"".join(
            [entry(b"Real", b"", tar.FOLDER), entry(b"real", b"", tar.LINK, b"Real"), entry(b"REAL/x", b"1"),
             entry(b"Real/x", b"2"), entry(b"real\xcc\x81/x", b"3"), entry("réal/x".encode(), b"4")]
        )
    )  # fmt: skip
    assert (victim.staging / "REAL" / "x").read_bytes() == b"1"
    assert (victim.staging / "Real" / "x").read_bytes() == b"2"
    assert refused(victim, entry(b"real/x", b"5")) == "unsafe_path"
    assert (victim.staging / "Real" / "x").read_bytes() == b"2"


@pytest.mark.parametrize(
    "size", [b"-0000001000\0", b"-1\0", b"+1\0", b"1_0\0", b"0o10\0", b"\x80" + b"\xff" * 11], ids=repr
)
def test_a_size_that_is_no_plain_number_is_damage_and_nobody_goes_round_in_circles(size):
    archive = entry(b"x", b"", size=size.ljust(12, b"\0")) + bytes(1024)
    with pytest.raises(ShoplaunchError, match="bundle_damaged"):
        list(itertools.islice(tar.entries(tar.Window([archive])), 100))
