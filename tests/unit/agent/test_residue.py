"""Traces of the template are found in bytes, and a shop's own values are no trace."""

import pytest

from agent.residue import Residue

NEEDLES = [b"template.example", b"/home/template"]


def residue(**values):
    return Residue({"residue": [needle.hex() for needle in NEEDLES]}, values)


@pytest.mark.parametrize("data", [b"http://template.example/", b"/home/template/public_html", b"x.template.example"])
def test_the_templates_domain_and_paths_are_found(data):
    assert residue(domain="shop.example.com").found_in(data)


def test_other_text_is_no_trace():
    assert not residue(domain="shop.example.com").found_in(b"http://shop.example.com/home/templat")


@pytest.mark.parametrize(
    "data",
    [
        b"http://my-template.example:8080/",
        b"http%3A%2F%2Fmy-template.example%3A8080",
        b"my-template.example",
        b'{"path":"\\/home\\/template2\\/www","p":"/home/template2/www"}',
    ],
)
def test_the_shops_own_values_may_hold_the_templates(data):
    found = residue(domain="my-template.example:8080", root="/home/template2/www")
    assert not found.found_in(data)
    assert found.found_in(data + b" template.example")


def test_taking_own_values_out_makes_no_new_trace():
    assert not residue(domain="template.example2").found_in(b"templatetemplate.example2.example")


def test_an_email_at_the_templates_domain_hides_no_other_trace():
    found = residue(**{"shop.email": "me@template.example"})
    assert not found.found_in(b"mail me@template.example")
    assert found.found_in(b"http://template.example/")
