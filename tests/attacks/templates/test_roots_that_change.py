"""One document root is packed, and its recipe reads that one, whatever has its name in between."""

import json
import os
import shutil

import pytest

from controller.bundles.source.tree.walk import Tree
from controller.bundles.template_plan import make_plan
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.unit.recipes.conftest import install

PARAMETERS = "app/config/parameters.php"
OTHERS = "the-cookie-key-of-another-shop-0123456789abcdef"
KEY = "-----BEGIN PRIVATE KEY-----\n"


@pytest.fixture(scope="module")
def shop(mariadb_server, tmp_path_factory):
    """A sample shop that only this module changes, and `other`: a folder that takes its name in between."""
    made = install(mariadb_server, tmp_path_factory.mktemp("swapped") / "public_html")
    made.other = made.root.with_name("other")
    (made.root / "img" / "kept.key").write_text(KEY)
    shutil.copytree(made.root, made.other, symlinks=True)
    (made.other / "img" / "kept.key").write_text("a picture's text")
    text = (made.other / PARAMETERS).read_text()
    key = text.split("'cookie_key' => '")[1].split("'")[0]
    (made.other / PARAMETERS).write_text(text.replace(key, OTHERS))
    made.key = key.encode()
    (made.other / "admin742sample").rename(made.other / "admin999other")
    return made


@pytest.fixture
def swapped(shop):
    """A function: the two folders change names; at the end each has its own again."""
    names = [shop.root, shop.other]
    at = names[0].stat().st_ino

    def swap():
        aside = shop.root.with_name("aside")
        for old, new in ((names[0], aside), (names[1], names[0]), (aside, names[1])):
            old.rename(new)

    yield swap
    if names[0].stat().st_ino != at:
        swap()


class Asked:
    """A template's database; `change` is called when it is asked for the first time."""

    def __init__(self, source, change):
        self._source = source
        self._change = change

    def __getattr__(self, name):
        if self._change is not None:
            change, self._change = self._change, None
            change()
        return getattr(self._source, name)


@attack("A template's owner gives another folder the document root's name while the recipe reads it, and takes it back",
        "the recipe reads the folder that was opened, which is the one that is packed")  # fmt: skip
@pytest.mark.parametrize("moment", ["before the recipe", "while the recipe asks", "while files are looked at"])
def test_a_recipe_reads_the_tree_that_is_packed(shop, swapped, moment):
    tree = Tree(shop.root)
    with shop.source() as source:
        if moment == "before the recipe":
            swapped()
        plan = make_plan(tree, Asked(source, swapped) if moment == "while the recipe asks" else source)
        if moment != "while files are looked at":
            swapped()
        searched = list(plan.forbidden().values())
        assert shop.key in searched
        assert OTHERS.encode() not in searched
        assert plan.path(b"admin742sample") != b"admin742sample"
        paths = []
        for entry in tree.entries(plan.left_out):
            if not paths and moment == "while files are looked at":
                swapped()
            paths.append(entry.path)
        if moment == "while files are looked at":
            swapped()
        assert b"img/kept.key" not in paths
        assert b"img/p" in paths


@attack("A template's document root has another name when its recipe reads it",
        "what is said of it, and searched for, are the names it was given by")  # fmt: skip
def test_no_name_of_an_open_folder_is_reported_or_searched_for(shop, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(shop.root)
    with shop.source() as source:
        plan = make_plan(Tree(link), source)
        shown = json.dumps([plan.report(), plan.manifest()], default=str)
        needles = [*plan.forbidden().values(), *plan.manifest()["residue"]]
        assert os.fsencode(link) in needles
        assert os.fsencode(shop.root) in needles
        assert "/proc/" not in shown
        assert not [one for one in needles if b"/proc/" in one]
        empty = tmp_path / "empty"
        empty.mkdir()
        with pytest.raises(ShoplaunchError) as problem:
            make_plan(Tree(empty), source)
    assert str(empty) in problem.value.message
    assert "/proc/" not in problem.value.message + str(problem.value)
