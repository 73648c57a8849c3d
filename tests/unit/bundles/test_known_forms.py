"""How thoroughly a file is looked through for secrets of known forms depends on what it is."""

import base64

import pytest

from controller.bundles.review.known_forms import KnownForms
from tests.secret_samples import FORMS

STRIPE = FORMS["key of Stripe"].encode()
CODED = base64.b64encode(b"user:" + STRIPE)
LARGE = b"var a = 1;\n" * 10_000


@pytest.mark.parametrize(
    ("path", "content", "line"),
    [
        (b"modules/x/a.php", b"<?php\n$a = '" + STRIPE + b"';", 2),
        (b"modules/x/a.php", b"<?php\n$a = base64_decode('" + CODED + b"');", 2),
        (b"modules/x/a.yml", b"a:\n  b: " + CODED, 2),
        (b"themes/x/a.js", LARGE + b"a = '" + STRIPE + b"'", 10_001),
        (b"themes/x/a.js", b"a = '" + FORMS["key of SendGrid"].encode() + b"'", 1),
        (b"wp-includes/functions.php", b"<?php\n$a = '" + STRIPE + b"';", 2),
        (b"modules/x/token", b"\n" + CODED, 2),
    ],
)
def test_it_is_found_where_files_keep_it(path, content, line):
    (found,) = KnownForms([]).in_file(path, content)
    assert found.proven and (found.place.file, found.place.line) == (path.decode(), line)
    assert STRIPE.decode() not in found.sentence()


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (b"vendor/a/tests/keys.php", STRIPE),
        (b"modules/x/vendor/a/b.json", STRIPE),
        (b"img/a.png", b"\x89PNG\0" + STRIPE),
        (b"themes/x/a.css", STRIPE),
    ],
)
def test_libraries_pictures_and_styles_are_not_asked_about(path, content):
    assert KnownForms([]).in_file(path, content) == []


def test_what_is_searched_for_everywhere_is_not_told_twice_however_it_is_spelled():
    forms = KnownForms([STRIPE, FORMS["private key"].encode()])
    assert forms.in_file(b"modules/x/a.json", b'{"a": "' + STRIPE + b'"}') == []
    spelled = FORMS["private key"].replace("\n", "\\n").encode()
    assert forms.in_file(b"modules/x/a.json", b'{"a": "' + spelled + b'"}') == []
