"""A template's tree is walked, and its texts are looked through, to an end, whatever their shape."""

import os
import subprocess

import pytest

from controller.bundles.encodings import in_base64
from controller.bundles.rewrite.embedded_strings import embedded_strings
from controller.bundles.source.tree.walk import DEEPEST, Tree
from controller.recipes import living
from controller.recipes.php import definitions, literal
from controller.recipes.tree import htaccess
from controller.recipes.wordpress import facts
from shared.errors import ShoplaunchError
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
@pytest.mark.parametrize("depth", [DEEPEST + 1, 1500, 5000])
def test_a_tree_deeper_than_any_shop_is_refused(root, depth):
    deepened(root, depth)
    with pytest.raises(ShoplaunchError) as problem:
        list(Tree(root).entries(NOTHING_LEFT_OUT))
    assert problem.value.code == "tree_name_encoding"
    assert "--leave-out" in problem.value.message


def test_a_tree_as_deep_as_is_allowed_is_walked(root):
    deepened(root, DEEPEST)
    assert len(list(Tree(root).entries(NOTHING_LEFT_OUT))) == DEEPEST


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


@attack("A text of a template is such that a look at it takes the square of its length in steps, for days",
        "each of its bytes is looked at a few times")  # fmt: skip
@pytest.mark.parametrize("piece", [b"\n", b" ", b" \n", b"\r\n", b'\\"', b"\\'", b"<<<A\n", b's:5:\\"', b"s:5:&quot;"])
@pytest.mark.parametrize("look", LOOKS)
def test_looking_through_a_text_takes_no_longer_than_reading_it(look, piece):
    assert not LOOKS[look](piece * (MEGABYTES // len(piece)))


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
