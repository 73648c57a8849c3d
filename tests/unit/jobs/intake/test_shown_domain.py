"""How the domain of a refused order is shown: as people read it, and text of others not where it is mailed."""

import pytest

from controller.jobs.intake.refused_orders import shown_domain

XN = "xn--mgbai9azgqp6j.xn--mgba3a4f16a"


@pytest.mark.parametrize(
    ("given", "page", "mail"),
    [
        ("shop.example.com", "shop.example.com", "shop.example.com"),
        (" Shop.Example.COM. ", "shop.example.com", "shop.example.com"),
        (XN, "پاکستان.ایران", "پاکستان.ایران"),
        ("پاکستان.ایران", "پاکستان.ایران", "پاکستان.ایران"),
        # Reads like a Latin name
        ("аррӏе.example", "xn--80ak6aa92e.example", "xn--80ak6aa92e.example"),
        ("", "", "-"),
        ("pay at evil.example now", "pay at evil.example now", "-"),
        ("http://shop.example.com/", "http://shop.example.com/", "-"),
        ("xn--a.example", "xn--a.example", "-"),
    ],
    ids=["ascii", "blanks", "machines' form", "own script", "lookalike", "nothing", "a sentence", "a url", "no idna"],
)
def test_a_domain_is_shown_as_people_read_it_and_other_text_where_it_may_stand(given, page, mail):
    assert shown_domain(given) == page
    assert shown_domain(given, otherwise="-") == mail
