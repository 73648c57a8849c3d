"""What is left of the new tree goes, whatever it is, and nothing that only a link names."""

import os
import sys

import pytest

from agent.tree import staging
from shared.errors import ShoplaunchError


def grown(tree, *, is_deep):
    """Make `tree` (Path) with a file, a broken link and links to a file and a folder elsewhere; deep: with folders.
    Return the two that must stay."""
    elsewhere = tree.parent / "elsewhere"
    elsewhere.mkdir()
    kept = elsewhere / "kept"
    kept.write_text("kept")
    tree.mkdir()
    (tree / ".htaccess").touch()
    (tree / "nowhere").symlink_to("no such thing")
    (tree / "file").symlink_to(kept)
    (tree / "folder").symlink_to(elsewhere)
    if is_deep:
        (tree / "a" / "b").mkdir(parents=True)
        (tree / "a" / "b" / "c").touch()
    return kept, elsewhere


@pytest.mark.parametrize("is_deep", [False, True], ids=["files only", "folders, too"])
def test_the_tree_goes_and_what_its_links_name_stays(tmp_path, is_deep):
    tree = tmp_path / "tree"
    kept, elsewhere = grown(tree, is_deep=is_deep)
    staging.remove(str(tree))
    assert not tree.exists()
    assert kept.read_text() == "kept" and list(elsewhere.iterdir()) == [kept]


def test_without_folders_in_it_it_goes_without_loading_what_can_remove_more(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "shutil", None)
    grown(tmp_path / "tree", is_deep=False)
    staging.remove(str(tmp_path / "tree"))
    assert not (tmp_path / "tree").exists()


def test_where_there_is_a_link_only_the_link_goes(tmp_path):
    kept, elsewhere = grown(tmp_path / "tree", is_deep=False)
    link = tmp_path / "link"
    link.symlink_to(elsewhere)
    staging.remove(str(link))
    assert not link.is_symlink() and kept.exists()


def test_nothing_is_removed_where_nothing_is(tmp_path):
    staging.remove(str(tmp_path / "tree"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.root
@pytest.mark.parametrize("name", [staging.PREFIX + "job", staging.PREFIX + "job/" + "a" * 32])
def test_a_tree_is_built_in_nobody_elses_folder(tmp_path, name):
    planted = tmp_path / name
    planted.mkdir(parents=True, mode=0o777)
    os.chown(planted, 12345, 12345)
    with pytest.raises(ShoplaunchError) as problem:
        staging.ensure(str(tmp_path / (staging.PREFIX + "job") / ("a" * 32)))
    assert problem.value.code == "path_refused"


def test_the_agents_folder_is_closed_when_others_could_write_to_it(tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    tree.chmod(0o777)
    staging.ensure(str(tree))
    assert tree.stat().st_mode & 0o777 == 0o700
