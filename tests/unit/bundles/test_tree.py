"""The tree is walked in the order of its paths, and what was found waits on the disk."""

import os
import random

import pytest

from controller.bundles.listing import Listing
from controller.bundles.tree import Tree

#: What sorts before a slash, as one, and after it.
NAMES = ["a", "a!", "a-b", "a.txt", "a0", "aa", "b", "é", " ", "~"]


def everything(path, is_directory):
    return False


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
    kept = [entry.path for entry in tree.entries(lambda path, is_directory: path in left_out)]
    assert kept
    assert not any(path == out or path.startswith(out + b"/") for path in kept for out in left_out)


def test_a_listing_gives_the_entries_as_they_were_as_often_as_wanted(tree, tmp_path):
    found = list(tree.entries(everything))
    # More than are in memory at a time
    assert len(found) * 20 > 3000
    with Listing(found * 20, tmp_path) as listing:
        assert list(listing) == found * 20
        assert list(listing) == found * 20
        assert listing.bytes == sum(entry.size for entry in found) * 20
        tree.check_unchanged(listing)
    assert os.listdir(tmp_path) == ["shop"]
