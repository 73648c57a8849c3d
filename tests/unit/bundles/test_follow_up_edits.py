"""Edits of follow-up jobs are tried on the files that are packed: those of the tree, and those that packing adds."""

from types import SimpleNamespace

import pytest

from controller.bundles.proof.follow_up_trial import require_edits
from controller.bundles.source.tree.walk import Tree
from shared.errors import ShoplaunchError

EDIT = {"path": "wp-config.php", "old": "// open", "new": "exit;", "count": 1}
JOBS = {"remove": {"statements": [], "edits": [EDIT]}}


def plan_with(added):
    return SimpleNamespace(
        left_out=lambda path, is_directory: None, path=lambda path: path, file=lambda path, content: content,
        added=lambda: added,
    )  # fmt: skip


def test_a_file_that_packing_adds_is_edited_as_well(tmp_path):
    (tmp_path / "index.php").write_text("<?php\n")
    require_edits(JOBS, Tree(tmp_path), plan_with({b"wp-config.php": b"<?php // open\n"}))
    (tmp_path / "wp-config.php").write_text("<?php // open\n")
    require_edits(JOBS, Tree(tmp_path), plan_with({}))


@pytest.mark.parametrize(
    ("added", "words"),
    [({}, "no file wp-config.php is packed"), ({b"wp-config.php": b"<?php\n"}, "0 times in wp-config.php")],
)
def test_an_edit_that_would_find_nothing_is_refused(tmp_path, added, words):
    (tmp_path / "index.php").write_text("<?php\n")
    with pytest.raises(ShoplaunchError) as caught:
        require_edits(JOBS, Tree(tmp_path), plan_with(added))
    assert caught.value.code == "recipe_invalid" and words in caught.value.message
