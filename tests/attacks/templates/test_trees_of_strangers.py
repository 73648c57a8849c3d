"""A template's tree is walked, and its texts are looked through, to an end, whatever their shape."""

import os
import subprocess

import pytest

from controller.bundles.encodings import in_base64
from controller.bundles.residue.search import Searcher
from controller.bundles.review import substitution
from controller.bundles.rewrite.embedded_strings import embedded_strings
from controller.bundles.rewrite.fragments import Fragments
from controller.bundles.rewrite.rewrite_report import Report
from controller.bundles.rewrite.rewriter import Rewriter
from controller.bundles.source.tree.walk import Tree
from controller.recipes import living
from controller.recipes.base import Replacement
from controller.recipes.php import definitions, literal, serialized
from controller.recipes.secrets import forms
from controller.recipes.tree import htaccess, missing_files
from controller.recipes.wordpress import facts
from shared.bundle import MAX_PATH_PARTS
from shared.errors import ShoplaunchError
from tests.attacks.co_tenants.false_controller import MALLORY
from tests.attacks.table import attack

NOTHING_LEFT_OUT = lambda _path, _is_folder: None  # noqa: E731


@pytest.fixture
def root(tmp_path):
    """A folder that may hold what no ordinary removal comes to the end of."""
    folder = tmp_path / "template"
    folder.mkdir()
    yield folder
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def deepened(root, depth):
    """Make `depth` folders within one another below `root`."""
    place = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=place)
        inner = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(place)


@attack("A template holds folders within folders, deeper than a program's stack or the system's paths",
        "it is refused by name, with the option that leaves the folder out")  # fmt: skip
@pytest.mark.parametrize("depth", [MAX_PATH_PARTS + 1, 1500, 5000])
def test_a_tree_deeper_than_any_shop_is_refused(root, depth):
    deepened(root, depth)
    with pytest.raises(ShoplaunchError) as problem:
        list(Tree(root).entries(NOTHING_LEFT_OUT))
    assert problem.value.code == "tree_name_encoding"
    assert "--leave-out" in problem.value.message


def test_a_tree_as_deep_as_is_allowed_is_walked(root):
    deepened(root, MAX_PATH_PARTS)
    assert len(list(Tree(root).entries(NOTHING_LEFT_OUT))) == MAX_PATH_PARTS


MEGABYTES = 4_000_000
LOOKS = {
    "serialized strings in text": lambda text: list(embedded_strings(text)),
    "PHP's definitions": lambda text: list(definitions.definitions(b"<?php " + text, "wp-config.php")),
    "files outside in .htaccess": htaccess.names_outside,
    "passwords in .htaccess": living._ASKS_PASSWORD.search,
    "a version": facts._VERSION.search,
    "the least PHP": facts._PHP.search,
    "base64 in lines": lambda text: in_base64.other(text + b"!"),
}


@pytest.mark.sampled(of=3)
@attack("A text of a template is such that a look at it takes the square of its length in steps, for days",
        "each of its bytes is looked at a few times")  # fmt: skip
@pytest.mark.parametrize("piece", [b"\n", b" ", b" \n", b"\r\n", b'\\"', b"\\'", b"<<<A\n", b's:5:\\"', b"s:5:&quot;"])
@pytest.mark.parametrize("look", LOOKS)
def test_looking_through_a_text_takes_no_longer_than_reading_it(look, piece):
    assert not LOOKS[look](piece * (MEGABYTES // len(piece)))


LENGTHS = {
    "text": b's:%b:"x";', "escaped": b'S:%b:"x";', "array": b"a:%b:{}", "class": b'O:%b:"x":0:{}',
    "object": b'O:1:"x":%b:{}', "own format": b'C:%b:"x":0:{}', "body": b'C:1:"x":%b:{}',
    "enum": b'a:1:{i:0;E:%b:"x:y";}',
}  # fmt: skip


@attack("A serialized value of a template says a length or count of thousands of digits",
        "it is no serialized value, and is read as any other text")  # fmt: skip
@pytest.mark.parametrize("kind", LENGTHS)
def test_lengths_of_thousands_of_digits_are_none(kind):
    text = LENGTHS[kind] % (5000 * b"9")
    with pytest.raises(serialized.Broken):
        serialized.scan(text)
    assert not list(serialized.embedded(b"before " + text))


OLD, NEW = b"shop.example", b"new.example"
DECIDED = lambda text: substitution.substituted(text, OLD, NEW)  # noqa: E731
SECRETS = forms.met
#: A look at a text, and what the text is made of: each takes up what the one before it has left.
SQUARES = {
    "strings whose bytes may be escaped": (DECIDED, b'S:1000000:"'),
    "values within values, none of which ends": (DECIDED, b"a:1:{i:0;"),
    "encoded strings with one end for all": (lambda text: list(embedded_strings(text + b'\\";')), b's:4000000:\\"'),
    "shorter ones": (lambda text: list(embedded_strings(text + b'\\";')), b's:5:\\"'),
    "tokens that lack a digit": (SECRETS, b"xoxa-"),
    "tokens that lack their second part": (SECRETS, b"-eyJ"),
    "tokens one after the other": (SECRETS, b"ghp_Qw7eRt9yUi3oPa5sDf1gHj8kLz2xCv4bNm6Q "),
    "lines that continue on the next": (htaccess.names_outside, b"\\\n"),
    "a policy that ends in blanks": (
        lambda text: [
            htaccess.adapted(b"Header set Content-Security-Policy" + text + b"x upgrade-insecure-requests", ())
        ],
        b" ",
    ),
    "a file that is loaded behind blanks": (lambda text: missing_files._LOADED.findall(b"require" + text), b" "),
    "an autoloader that no line ends with": (missing_files._AUTOLOADER.findall, b"\nrequire __DIR__ "),
    "places of what must not leave the template": (lambda text: list(Searcher({"host": OLD}).spots(text, False)), OLD),
}


@pytest.mark.sampled(of=3)
@attack("A text of a template begins values, strings or tokens all the time and ends none, or has very many",
        "each of its bytes is looked at a few times")  # fmt: skip
@pytest.mark.parametrize("case", SQUARES)
def test_looking_for_values_and_secrets_takes_no_longer_than_reading_a_text(case):
    look, piece = SQUARES[case]
    text = piece * (MEGABYTES // len(piece))
    assert len(look(text)) <= len(text)


def test_values_behind_what_never_ends_are_left_as_they_are_and_that_is_reported():
    report = Report()
    text = b"a:1:{i:0;" * 20_000 + OLD
    replaced = Rewriter("0123abcd", [Replacement(OLD, "domain", "domain")], Fragments("0123abcd"), report)
    assert OLD not in replaced.rewrite_text(text, "a cell")
    assert "without end" in str(vars(report))


def test_a_version_of_thousands_of_digits_is_no_version(tmp_path):
    file = tmp_path / facts.VERSION_FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(b"<?php\n$wp_version = '%b';\n" % (b"6" * 5000))
    assert facts.find_version(tmp_path) is None


@attack("A template's settings hold a number of more digits than any program turns into one",
        "they cannot be read, and it is said why")  # fmt: skip
@pytest.mark.parametrize("number", [b"1" * 5000, b"-" + b"1" * 5000, b"1." + b"1" * 5000])
def test_a_number_of_thousands_of_digits_is_reported(number):
    with pytest.raises(ShoplaunchError, match="digits") as problem:
        literal.read_returned(b"<?php return ['a' => %b];" % number, "parameters.php")
    assert problem.value.code == "config_unreadable"


@pytest.mark.root
@attack(
    "A template's owner has a hard link to somebody else's file, which only that one and root may read, in the tree",
    "it is refused by name as a link out of the tree: root's packing would read it in the owner's place",
)
def test_a_hard_link_to_what_its_owner_may_not_read_is_refused(tmp_path):
    secret, root = tmp_path / "secret", tmp_path / "shop"
    secret.write_text("of somebody else")
    secret.chmod(0o640)
    root.mkdir()
    os.link(secret, root / "config.txt")
    os.chown(root, MALLORY, MALLORY)
    with pytest.raises(ShoplaunchError) as refused:
        list(Tree(root).entries(NOTHING_LEFT_OUT))
    assert refused.value.code == "tree_link_outside" and "config.txt" in refused.value.message
    # Its own, or one that everybody may read, is packed
    os.chown(secret, MALLORY, MALLORY)
    assert [entry.path for entry in Tree(root).entries(NOTHING_LEFT_OUT)] == [b"config.txt"]
    os.chown(secret, 0, 0)
    secret.chmod(0o644)
    assert [entry.path for entry in Tree(root).entries(NOTHING_LEFT_OUT)] == [b"config.txt"]
