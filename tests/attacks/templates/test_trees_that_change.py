"""A template's owner changes its folder while it is packed: nothing from elsewhere is ever packed."""

import os

import pytest

from controller.bundles.source.tree.walk import Tree
from shared.errors import ShoplaunchError
from tests.attacks.table import attack

SECRET = "the controller's key"
LEFT_OUT = {b"cache": "caches"}


@pytest.fixture
def outside(tmp_path):
    """A folder that the packer may read and the template's owner may not."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "key").write_text(SECRET)
    return folder


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "shop"
    for name in ("cache/x", "z"):
        (folder / name).mkdir(parents=True)
    for name in ("a.php", "z/page.php"):
        (folder / name).write_text("<?php")
    return folder


def packed(tree, at, change):
    """Pack `tree` as the packer does; `change()` is made once entry `at` was come upon. Return path -> content."""
    entries = []
    for entry in tree.entries(lambda path, _is_folder: LEFT_OUT.get(path)):
        entries.append(entry)
        if entry.path == at:
            change()
    found = {entry.path: tree.read(entry) for entry in entries if entry.kind == "file"}
    tree.check_unchanged(entries)
    return found


def replaced(path, target):
    """A link to `target` is in the place of the folder `path`."""
    path.rename(path.with_name(path.name + ".old"))
    path.symlink_to(target)


@attack("A template's owner puts a link to a folder of others in the place of one of its own, once it was looked at",
        "the link is not followed, and the packing refused")  # fmt: skip
def test_a_folder_that_becomes_a_link_is_not_followed(root, outside):
    with pytest.raises(ShoplaunchError) as problem:
        packed(Tree(root), b"z", lambda: replaced(root / "z", outside))
    assert problem.value.code == "tree_changed"


@attack("A template's owner makes a folder a link into what is not packed, and leads that elsewhere once it was judged",
        "the link is not followed, and the packing refused")  # fmt: skip
def test_a_link_that_is_led_elsewhere_once_it_was_judged_is_not_followed(root, outside):
    tree = Tree(root)
    entries = []
    with pytest.raises(ShoplaunchError) as problem:
        for entry in tree.entries(lambda path, _is_folder: LEFT_OUT.get(path)):
            entries.append(entry)
            if entry.path == b"a.php":
                replaced(root / "z", "cache/x")
            if entry.path == b"z":
                (root / "cache" / "x").rmdir()
                (root / "cache" / "x").symlink_to(outside)
        assert SECRET.encode() not in [tree.read(entry) for entry in entries if entry.kind == "file"]
        tree.check_unchanged(entries)
    assert problem.value.code == "tree_changed"
    assert b"z/key" not in [entry.path for entry in entries]


@attack("A template's owner takes files, pipes and links away between two looks at them", "the packing is refused")
@pytest.mark.parametrize("what", ["file", "pipe", "link"])
def test_what_is_gone_between_two_reads_is_reported(root, what):
    name = root / "b"
    if what == "pipe":
        os.mkfifo(name)
    elif what == "link":
        name.symlink_to("a.php")
    else:
        name.write_text("b")
    with pytest.raises(ShoplaunchError) as problem:
        packed(Tree(root), b"a.php", name.unlink)
    assert problem.value.code == "tree_changed"


@attack("A template's owner puts a link in the place of the whole document root, once the packing has begun",
        "the folder that was opened is packed, or none")  # fmt: skip
@pytest.mark.parametrize("at", [None, b"a.php"], ids=["before the walk", "during the walk"])
def test_a_document_root_that_becomes_a_link_is_not_followed(root, outside, at):
    tree = Tree(root)
    change = lambda: replaced(root, outside)  # noqa: E731
    if at is None:
        change()
    with pytest.raises(ShoplaunchError) as problem:
        packed(tree, at, change)
    assert problem.value.code == "tree_changed"


@attack("A template's owner changes a file while it is packed: longer, shorter, gone, a link, a pipe, a folder",
        "the packing is refused, and waits for nobody")  # fmt: skip
@pytest.mark.parametrize("what", ["longer", "shorter", "gone", "link", "pipe", "folder", "other"])
def test_a_file_that_changes_while_it_is_packed_is_refused(root, outside, what):
    page = root / "z" / "page.php"

    def change():
        if what in ("longer", "shorter"):
            page.write_text("<?php ?>" if what == "longer" else "<?")
            return
        page.unlink()
        if what == "link":
            page.symlink_to(outside / "key")
        elif what == "pipe":
            os.mkfifo(page)
        elif what == "folder":
            page.mkdir()
        elif what == "other":
            page.write_text("<?php")

    with pytest.raises(ShoplaunchError) as problem:
        packed(Tree(root), b"z/page.php", change)
    assert problem.value.code in ("tree_changed", "tree_unreadable")
