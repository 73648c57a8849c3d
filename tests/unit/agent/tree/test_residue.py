"""Traces of the template are found in bytes, and a shop's own values are no trace."""

import pytest

from agent.tree.residue import Residue

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


#: What is searched for where the template's name stays as part of others: the name with marks around it.
MARKED = [b"//shop.com/", b'"shop.com"', b"@shop.com", b"^shop.com$", b"shop.com/", b"/home/shop"]


def marked(**values):
    return Residue({"residue": [needle.hex() for needle in MARKED]}, values)


@pytest.mark.parametrize(
    "data",
    [
        b"http://myshop.com/x", b"see myshop.com/contact", b"http:\\/\\/myshop.com/", b"http%3A%2F%2Fmyshop.com/",
        b"//www.myshop.com/", b"^myshop.com$", b"me@myshop.com", b"/home/shop2/www/x", b"to=\"boss@shop.com\"",
        b"Bob&#x27;s @shop.com", b"Bob\\'s @shop.com", b"Bob's @shop.com", b"Bob%27s%20%40shop.com/",
    ],
)  # fmt: skip
def test_a_new_value_that_holds_the_templates_name_is_no_trace_in_any_form(data):
    found = marked(
        domain="myshop.com", root="/home/shop2/www", **{"admin.email": "boss@shop.com", "shop.name": "Bob's @shop.com"}
    )
    assert not found.found_in(data)
    for trace in (b"http://shop.com/", b'{"h":"shop.com"}', b"sales@shop.com", b"/home/shop/www"):
        assert found.found_in(data + b" " + trace) and found.found_in(trace + b" " + data)


def test_a_new_domain_that_is_only_a_part_of_the_templates_hides_nothing():
    assert marked(domain="hop.com", root="/home").found_in(b"http://shop.com/")


@pytest.mark.parametrize(
    ("needle", "trace"),
    [(b"http://localhost/", b"http://localhost/x"), (b"http://db/", b"http://db/x"), (b"file:///app/", b"file:///app/x")],
)  # fmt: skip
def test_a_database_or_a_name_called_like_the_templates_host_hides_no_address(needle, trace):
    values = {
        "db.host": "localhost",
        "db.name": "db",
        "shop.name": "db",
        "db.address": "localhost:3307",
        "root": "/home/app",
    }
    found = Residue({"residue": [needle.hex()]}, values)
    assert found.found_in(trace)
    assert not found.found_in(b"mysql:host=localhost db localhost:3307 /home/app/x")


def test_only_values_that_hold_a_needle_are_taken_out_and_the_shortest_that_do():
    assert marked(domain="other.example", **{"shop.url": "http://other.example"}).masks == []
    found = marked(domain="myshop.com", **{"shop.url": "http://myshop.com/a", "shop.address": "myshop.com/a"})
    assert found.masks == [b"myshop.com"]


def test_the_condition_for_tables_takes_new_values_out_too():
    condition = marked(domain="myshop.com").condition(["a"])
    assert condition.count("REPLACE(CAST(`a` AS BINARY), x'" + b"myshop.com".hex()) == len(MARKED)
    assert "REPLACE" not in marked(domain="other.example").condition(["a"])
