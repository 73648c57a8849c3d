"""What weighing reads of a template once more, each file when it is asked for; and what is harmless."""

import pytest

from controller.bundles.residue.findings import SECRET, Finding, Place
from controller.bundles.review import harmless
from controller.bundles.review.locate import Template
from controller.bundles.review.settle import Contents
from controller.bundles.source.tree.walk import Tree
from tests.support.shops.packing import PlainPlan


class CountedTree(Tree):
    """A tree that counts its walks, and remembers what was read."""

    def __init__(self, root):
        super().__init__(root)
        self.walks, self.files = 0, []

    def entries(self, excluded, left_out=None):
        self.walks += 1
        return super().entries(excluded, left_out)

    def read(self, entry):
        self.files.append(entry.path)
        return super().read(entry)


def made(tmp_path, count):
    for number in range(count):
        (tmp_path / f"{number}.txt").write_text(f"{number} //shop.template.example/ end")
    return CountedTree(tmp_path), [f"{number}.txt" for number in range(count)]


def test_findings_in_many_files_take_one_walk_through_the_tree(tmp_path):
    tree, files = made(tmp_path, 50)
    contents = Contents(Template(tree, None, PlainPlan()), files)
    assert [contents.head(file)[:2].strip() for file in files] == [str(number).encode() for number in range(50)]
    assert contents.head("0.txt") and contents.head("none.txt") == b""
    assert tree.walks == 1 and len(tree.files) == 50


def test_many_findings_in_one_file_read_it_once(tmp_path):
    tree, files = made(tmp_path, 2)
    contents = Contents(Template(tree, None, PlainPlan(b"elsewhere.example")), files)
    places = [Place(file="0.txt", line=line) for line in range(1, 1001)]
    wanted = [b"//shop.template.example/", b"@shop.template.example"]
    assert contents.held(places, wanted) == {wanted[0]}
    assert tree.files == [b"0.txt"]


def test_next_to_a_name_or_a_part_of_a_bundle_may_stand_anything(tmp_path):
    tree, files = made(tmp_path, 1)
    contents = Contents(Template(tree, None, PlainPlan()), files)
    for place in (Place(part="a view"), Place(file="0.txt", is_name=True)):
        assert contents.held([place], [b"a", b"b"]) == {b"a", b"b"}


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ("lib/examples/key.pem", harmless.DOCUMENT),
        ("lib/README.md", harmless.DOCUMENT),
        ("config/keys.ini", ""),
        ("", ""),
    ],
)
def test_in_an_archive_documents_and_examples_of_a_library_are_everybodys_too(member, reason):
    place = Place(file="modules/x/lib.zip")
    assert harmless.reason(Finding("secret private key", place, SECRET, "…", about=member), b"", b"PK") == reason
