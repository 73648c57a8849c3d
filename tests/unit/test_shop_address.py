"""The address of a shop: its parts in URLs, and as people read it."""

from dataclasses import FrozenInstanceError

import pytest

from controller.panels.base import SiteAddress
from controller.shop_address import HTTP, HTTPS, ShopAddress

#: سوريا, as orders store it.
ARABIC = "xn--mgbtf8fl.example"


@pytest.mark.parametrize(
    ("address", "host", "url"),
    [
        (ShopAddress(HTTP, "a.test", 80), "a.test", "http://a.test/"),
        (ShopAddress(HTTP, "a.test", 80, "tea"), "a.test", "http://a.test/tea/"),
        (ShopAddress(HTTP, "a.test", 8080, "tea/green"), "a.test:8080", "http://a.test:8080/tea/green/"),
        (ShopAddress(HTTPS, "a.test", 443), "a.test", "https://a.test/"),
        (ShopAddress(HTTPS, "a.test", 8443, "tea"), "a.test:8443", "https://a.test:8443/tea/"),
        # The usual port of the other scheme is not this one's
        (ShopAddress(HTTP, "a.test", 443), "a.test:443", "http://a.test:443/"),
        (ShopAddress(HTTPS, "a.test", 80), "a.test:80", "https://a.test:80/"),
    ],
)
def test_urls_name_a_port_only_where_it_is_not_the_schemes_usual_one(address, host, url):
    assert (address.host_and_port, address.url) == (host, url)
    assert address.url == f"{address.origin}{address.base_uri}"


@pytest.mark.parametrize(("folder", "path", "uri"), [("", "", "/"), ("tea", "/tea", "/tea/"), ("a/b", "/a/b", "/a/b/")])
def test_the_path_ends_with_a_slash_only_as_uri(folder, path, uri):
    address = ShopAddress.on_usual_port("a.test", folder)
    assert (address.base_path, address.base_uri) == (path, uri)


@pytest.mark.parametrize(
    ("folder", "office", "url"),
    [
        ("", "admin742", "http://a.test/admin742/"),
        ("", "index.php/login", "http://a.test/index.php/login/"),
        ("tea", "admin742", "http://a.test/tea/admin742/"),
        ("", "", "http://a.test/"),
        ("tea", "", "http://a.test/tea/"),
    ],
)
def test_the_back_office_is_a_path_below_the_shop_or_the_shop_itself(folder, office, url):
    assert ShopAddress.on_usual_port("a.test", folder).url_below(office) == url


@pytest.mark.parametrize(
    ("host", "folder", "shown"),
    [
        ("a.test", "", "a.test"),
        ("a.test", "tea", "a.test/tea"),
        (ARABIC, "", "\u0633\u0648\u0631\u064a\u0627.example"),
        (ARABIC, "tea", "\u0633\u0648\u0631\u064a\u0627.example/tea"),
    ],
)
def test_people_read_the_host_in_its_script_and_the_folder(host, folder, shown):
    for address in (ShopAddress.on_usual_port(host, folder), ShopAddress(HTTPS, host, 8443, folder)):
        assert address.readable == shown
        assert address.readable_host == shown.partition("/")[0]


def test_a_web_servers_ports_decide_the_address():
    plain, moved = SiteAddress("192.0.2.1"), SiteAddress("192.0.2.1", 8080, 8443)
    assert plain.shop_at("a.test", "tea") == ShopAddress.on_usual_port("a.test", "tea")
    assert plain.shop_at("a.test", https=True) == ShopAddress(HTTPS, "a.test", 443)
    assert moved.shop_at("a.test", "tea") == ShopAddress(HTTP, "a.test", 8080, "tea")
    assert moved.shop_at("a.test", https=True) == ShopAddress(HTTPS, "a.test", 8443)


def test_addresses_are_values():
    address = ShopAddress.on_usual_port("a.test")
    assert {address, ShopAddress(HTTP, "a.test", 80)} == {address}
    with pytest.raises(FrozenInstanceError):
        address.port = 81
