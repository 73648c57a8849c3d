"""What weighing reads of a template once more, each file when it is asked for; and how it names what it found."""

import pytest

from controller.bundles.residue import Hit
from controller.bundles.review import harmless
from controller.bundles.review.decisions import choices_of
from controller.bundles.review.findings import SECRET, Finding, Place
from controller.bundles.review.locate import Locator, Template
from controller.bundles.review.settle import Contents
from controller.bundles.tree import Tree
from tests.packing import PlainPlan


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


@pytest.mark.parametrize("is_name", [True, False])
def test_a_secret_in_the_name_of_a_file_is_not_shown_by_its_place(tmp_path, is_name):
    secret = b"Kx7-own-secret"
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "Kx7-own-secret.txt").write_bytes(secret)
    plan = PlainPlan(forbidden={"secret x": secret})
    hit = Hit("keys/Kx7-own-secret.txt (name)", "secret x", "files", "keys/Kx7-own-secret.txt", is_name)
    locator = Locator(Template(Tree(tmp_path), None, plan), {"secret x": secret}, {"secret x": SECRET})
    (found,) = locator.findings([hit], {})
    assert "in keys" in found.sentence()
    assert secret.decode() not in found.sentence() + repr(found.place) + repr(found.as_json())
    assert choices_of(found) == ()


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
