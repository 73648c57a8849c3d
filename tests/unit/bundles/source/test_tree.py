"""The tree is walked in the order of its paths, and what was found waits on the disk."""

import os
import random
import socket

import pytest

from controller.bundles.source.tree.entry_spool import EntrySpool
from controller.bundles.source.tree.left_out import LeftOut
from controller.bundles.source.tree.walk import DANGLING, GIVEN, NO_CONTENT, Tree
from shared.errors import ShoplaunchError
from tests.support.machine.unreadable import REASONS, unreadable

#: What sorts before a slash, as one, and after it.
NAMES = ["a", "a!", "a-b", "a.txt", "a0", "aa", "b", "é", " ", "~"]


def everything(path, is_directory):
    return None


@pytest.fixture
def tree(tmp_path):
    """A tree three levels deep with every name at every level, now a file, now a folder."""
    draw = random.Random(7)
    folders = [tmp_path / "shop"]
    folders[0].mkdir()
    for _ in range(3):
        below = []
        for folder in folders:
            for name in NAMES:
                if draw.random() < 0.4:
                    below.append(folder / name)
                    below[-1].mkdir()
                else:
                    (folder / name).write_text(name)
        folders = below
    return Tree(tmp_path / "shop")


def test_entries_come_in_the_order_of_their_paths(tree):
    paths = [entry.path for entry in tree.entries(everything)]
    below = os.fsdecode(tree.root)
    there = [os.path.join(place, name) for place, folders, names in os.walk(below) for name in folders + names]
    assert paths == sorted(os.fsencode(os.path.relpath(path, below)) for path in there)


def test_nothing_below_a_folder_that_is_left_out_is_seen(tree):
    left_out = {entry.path for entry in tree.entries(everything) if entry.kind == "directory" and b"a" in entry.path}
    kept = [entry.path for entry in tree.entries(lambda path, is_directory: "unwanted" if path in left_out else None)]
    assert kept
    assert not any(path == out or path.startswith(out + b"/") for path in kept for out in left_out)


def test_a_listing_gives_the_entries_as_they_were_as_often_as_wanted(tree, tmp_path):
    found = list(tree.entries(everything))
    # More than are in memory at a time
    assert len(found) * 20 > 3000
    with EntrySpool(found * 20, tmp_path) as listing:
        assert list(listing) == found * 20
        assert list(listing) == found * 20
        assert listing.bytes == sum(entry.size for entry in found) * 20
        tree.check_unchanged(listing)
    assert os.listdir(tmp_path) == ["shop"]


@pytest.fixture
def shop(tmp_path):
    root = tmp_path / "shop"
    (root / "img").mkdir(parents=True)
    (root / "index.php").write_text("<?php")
    return root


def walked(root, excluded=everything, ignored=()):
    """Return (paths, what was left out by reason) of a walk."""
    tree = Tree(root)
    tree.ignore(*ignored)
    counted = LeftOut(tree.root)
    return [entry.path.decode() for entry in tree.entries(excluded, counted)], counted.as_json()


def test_what_is_left_out_is_counted_by_reason_with_all_below_it(shop):
    (shop / "docker" / "a").mkdir(parents=True)
    (shop / "docker" / "a" / "one").write_text("12345")
    (shop / "docker" / "two").write_text("123")
    for number in range(7):
        (shop / f"{number}.log").write_text("x")
    reasons = {"docker": "tools", **{f"{number}.log": "logs" for number in range(7)}}
    paths, left_out = walked(shop, lambda path, is_directory: reasons.get(path.decode()))
    assert paths == ["img", "index.php"]
    assert left_out == {
        "logs": {"count": 7, "bytes": 7, "examples": [f"{number}.log" for number in range(5)]},
        "tools": {"count": 2, "bytes": 8, "examples": ["docker"]},
    }


def test_what_may_not_be_read_in_a_folder_that_is_left_out_hinders_nobody(shop, monkeypatch):
    (shop / "docker").mkdir()
    real = os.scandir

    def closed(path):
        if not isinstance(path, int) and os.fsencode(path).endswith(b"docker"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", closed)
    _, left_out = walked(shop, lambda path, is_directory: "tools" if path == b"docker" else None)
    assert left_out["tools"]["count"] == 0


def test_files_given_to_the_packing_are_left_out_under_every_name(shop, tmp_path):
    dump = shop / "img" / "photo.jpg"
    dump.write_text("-- a dump")
    (shop / "twin").hardlink_to(dump)
    (tmp_path / "way.sql").symlink_to(dump)
    paths, left_out = walked(shop, ignored=[tmp_path / "way.sql", tmp_path / "absent.bundle", None])
    assert paths == ["img", "index.php"]
    assert left_out[GIVEN]["examples"] == ["img/photo.jpg", "twin"]


def test_a_link_to_what_is_left_out_goes_with_it(shop):
    (shop / "docker" / "a").mkdir(parents=True)
    (shop / "docker" / "a" / "x").write_text("x")
    (shop / "deep").symlink_to("docker/a/x")
    (shop / "plain").symlink_to("index.php")
    (shop / "loose").symlink_to("absent")
    paths, left_out = walked(shop, lambda path, is_directory: "tools" if path == b"docker" else None)
    assert paths == ["img", "index.php", "loose", "plain"]
    assert left_out[DANGLING]["examples"] == ["deep"]


def test_sockets_and_pipes_are_left_out_and_counted(shop, monkeypatch):
    os.mkfifo(shop / "pipe")
    monkeypatch.chdir(shop)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        paths, left_out = walked(shop)
    assert paths == ["img", "index.php"]
    assert left_out[NO_CONTENT]["examples"] == ["pipe", "socket"]


def test_all_names_that_no_bundle_holds_are_said_at_once_with_the_option_that_leaves_them_out(shop):
    for name in (b"caf\xe9.jpg", b"back\\slash", b"line\nbreak"):
        with open(os.fsencode(shop / "img") + b"/" + name, "wb"):
            pass
    (shop / "img" / "ü.jpg").touch()
    with pytest.raises(ShoplaunchError) as refused:
        walked(shop)
    assert refused.value.code == "tree_name_encoding"
    for option in ("--leave-out 'img/caf?.jpg'", "--leave-out 'img/back?slash'", "--leave-out 'img/line?break'"):
        assert option in refused.value.message
    assert "ü.jpg" not in refused.value.message


def test_links_of_a_tree_that_was_copied_here_lead_where_they_did(shop):
    (shop / "vendor" / "a").mkdir(parents=True)
    (shop / "vendor" / "a" / "style.css").write_text("a")
    (shop / "img" / "style.css").symlink_to("/gone/htdocs/vendor/a/style.css")
    entries = {entry.path: entry for entry in Tree(shop).entries(everything)}
    assert entries[b"img/style.css"].target == b"../vendor/a/style.css"


def test_a_link_to_what_is_really_outside_is_refused_whatever_is_inside(shop, tmp_path):
    for place in (shop, tmp_path):
        (place / "vendor" / "a").mkdir(parents=True)
        (place / "vendor" / "a" / "style.css").write_text("a")
    (shop / "img" / "style.css").symlink_to(tmp_path / "vendor" / "a" / "style.css")
    with pytest.raises(ShoplaunchError) as refused:
        walked(shop)
    assert refused.value.code == "tree_link_outside"


@pytest.mark.parametrize("reason", REASONS)
def test_a_link_to_what_cannot_be_read_is_refused_whatever_is_inside(shop, tmp_path, monkeypatch, reason):
    (shop / "vendor").mkdir()
    (shop / "vendor" / "style.css").touch()
    (shop / "img" / "style.css").symlink_to(tmp_path / "closed" / "vendor" / "style.css")
    with unreadable(monkeypatch, tmp_path / "closed", reason), pytest.raises(ShoplaunchError) as refused:
        walked(shop)
    assert refused.value.code == "tree_link_outside"
