"""What is looked for quickly is never overlooked: every spelling of every kind of needle is found."""

import pytest

from controller.bundles.residue.search import Searcher, base64_forms, forms
from controller.bundles.rewrite.needles import Needles, spellings
from controller.recipes.base import Replacement

SECRETS = [
    b"Pa/SS@w1", b"pears", b"s3cret-of-the-template", b"'\\\"%&<>", "پارچه/فروشی".encode(), b"\xff\xfe/x%1",
    b"$2y$10$abc./x",
]  # fmt: skip
OLDS = [
    (b"template.example.shop", "domain"), (b"www.my-shop.example:8443", "domain"),
    ("فروشگاه.example".encode(), "domain"),
    (b"/srv/tpl/public_html", "path"), (b"/home/a_b/www", "path"), (b"boss@shop.example", "email"), (b"/shop/", "base"),
]  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS)
def test_every_form_of_a_secret_is_found_in_the_bundle(secret):
    searcher = Searcher({"other": b"quite another", "secret": secret})
    for form in forms(secret):
        assert searcher.found_in(b"x" + form + b"x", thorough=False) == ["secret"], form
    for form in base64_forms(secret):
        assert searcher.found_in(b"x" + form + b"x", thorough=True) == ["secret"], form
    assert searcher.found_in(b"x" + secret[1:], thorough=False) == []


@pytest.mark.parametrize(("old", "kind"), OLDS)
def test_a_text_with_any_spelling_of_a_needle_may_hold_it(old, kind):
    needles = Needles([Replacement(old, "value", kind)])
    for spelling in spellings(old):
        assert needles.may_hold(b"x" + spelling + b"x"), spelling
        assert needles.any_in(b"x" + spelling + b"x"), spelling


def test_a_needle_among_many_is_found_although_others_share_parts_of_it():
    olds = [*OLDS, (b"www.template.example.shop", "domain"), (b"0f5c7a52-6f0b-4d0e-9d1c-1b2f3a4c5d6e", "secret")]
    needles = Needles([Replacement(old, "value", kind) for old, kind in olds])
    for old, _ in olds:
        for spelling in spellings(old):
            assert needles.may_hold(b"x" + spelling + b"x"), spelling
    assert not needles.may_hold(b"a template, 0f5c7a52")


def test_parts_of_a_needle_far_from_one_another_are_none():
    needles = Needles([Replacement(b"template.example.ps", "value", "domain")])
    assert needles.may_hold(b"template, example: ps")
    assert not needles.may_hold(b"template" + bytes(500) + b"example" + bytes(500) + b"ps")
