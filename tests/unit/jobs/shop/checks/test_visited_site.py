"""Which addresses are a visited site's own."""

import ssl
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from controller.jobs.shop.checks.visits import Site
from controller.shop_address import HTTP, HTTPS, ShopAddress

PLAIN = Site("192.0.2.7", 8080, ShopAddress(HTTP, "shop.example", 8080))
SECURE = Site("192.0.2.7", 443, ShopAddress(HTTPS, "shop.example", 443), ssl.create_default_context())
BY_HTTP = replace(SECURE, plain=PLAIN.address)


@pytest.mark.parametrize(
    ("site", "address", "path"),
    [(PLAIN, "http://Shop.example:8080/a?b=c", "/a?b=c"), (PLAIN, "http://shop.example:8080", "/"),
     (PLAIN, "https://shop.example:8080/a", None), (PLAIN, "http://shop.example/a", None),
     (SECURE, "https://shop.example/a", "/a"), (SECURE, "http://shop.example/a", None), (SECURE, "http:///a", None),
     (BY_HTTP, "https://shop.example/a", "/a"), (BY_HTTP, "http://shop.example:8080/a", "/a"),
     (BY_HTTP, "http://shop.example/a", None), (BY_HTTP, "http://other.example:8080/a", None)],
)  # fmt: skip
def test_only_its_own_host_and_the_name_it_has_over_http_belong_to_a_site(site, address, path):
    assert site.own_path(urlsplit(address)) == path


def test_the_site_of_an_address_is_asked_for_on_its_port_and_below_its_folder():
    assert Site.of("192.0.2.7", ShopAddress(HTTP, "shop.example", 8080)) == PLAIN
    assert Site.of("192.0.2.7", ShopAddress(HTTPS, "shop.example", 443), SECURE.context) == SECURE
    assert Site.of("192.0.2.7", ShopAddress(HTTP, "shop.example", 80, "tea")).base_uri == "/tea/"


def test_an_address_on_a_site_names_its_scheme_host_and_port():
    assert PLAIN.url("/a?b=c") == "http://shop.example:8080/a?b=c"
    assert (SECURE.url("/"), SECURE.url()) == ("https://shop.example/", "https://shop.example")
