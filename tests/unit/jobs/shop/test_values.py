"""The values of a job: where its shop is, its database, its people; nothing private that the account need not have."""

import pytest

from controller.account import Account
from controller.jobs.shop import values
from controller.panels.base import DatabaseEndpoint, SiteAddress
from tests.support.state.job_rows import job_row

ACCOUNT = Account("alice", "/home/alice/", "/home/alice/public_html/", "shop.example")
SOCKET = DatabaseEndpoint("localhost", 3306, "/run/mysqld.sock")
PLAIN = SiteAddress("192.0.2.1")


def of(job=None, endpoint=SOCKET, place=PLAIN, **private):
    return values.all_values(job or job_row(), ACCOUNT, endpoint, place, ("alice_shop", "alice_user"), private)


@pytest.mark.parametrize(
    ("folder", "place", "address"),
    [
        ("", PLAIN, ("http://shop.example", "/", "shop.example")),
        ("tea", PLAIN, ("http://shop.example/tea", "/tea/", "shop.example/tea")),
        ("", SiteAddress("192.0.2.1", 8080), ("http://shop.example:8080", "/", "shop.example:8080")),
        ("tea", SiteAddress("192.0.2.1", 8080), ("http://shop.example:8080/tea", "/tea/", "shop.example:8080/tea")),
    ],
)
def test_the_shop_is_at_its_host_port_and_folder(folder, place, address):
    found = of(job_row(folder=folder), place=place)
    assert (found["shop.url"], found["base_uri"], found["shop.address"]) == address
    assert values.located(place.shop_at("shop.example", folder)).items() <= found.items()


def test_https_has_its_own_port():
    assert of(place=SiteAddress("192.0.2.1", 8080, 8443))["domain_ssl"] == "shop.example:8443"
    assert of(place=SiteAddress("192.0.2.1", 8080, 443))["domain_ssl"] == "shop.example"


def test_folders_end_without_a_slash():
    assert (of()["root"], of()["home"]) == ("/home/alice/public_html", "/home/alice")
    assert of(job_row(folder="tea"))["root"] == "/home/alice/public_html/tea"


@pytest.mark.parametrize(
    ("endpoint", "host", "port", "address", "socket"),
    [
        (SOCKET, "localhost", "", "localhost", "/run/mysqld.sock"),
        (DatabaseEndpoint("db.example", 3306), "db.example", "", "db.example", ""),
        (DatabaseEndpoint("db.example", 3307), "db.example", "3307", "db.example:3307", ""),
        (DatabaseEndpoint("localhost", 3307, "/run/b.sock"), "localhost", "", "localhost", "/run/b.sock"),
    ],
)
def test_a_port_is_named_only_where_it_is_not_the_usual_one(endpoint, host, port, address, socket):
    found = of(endpoint=endpoint)
    assert tuple(found[f"db.{name}"] for name in ("host", "port", "address", "socket")) == (host, port, address, socket)


def test_how_the_server_is_proven_is_said_only_where_it_is_not_the_usual_way():
    assert not {"db.uid", "db.tls", "db.tls_ca", "db.tls_pin"} & set(of())
    assert of(endpoint=DatabaseEndpoint("localhost", 3306, "/s", uid=0))["db.uid"] == "0"
    found = of(endpoint=DatabaseEndpoint("db.example", 3306, tls="pin", tls_pin="aa"))
    assert (found["db.tls"], found["db.tls_pin"]) == ("pin", "aa")


def test_what_the_order_leaves_open_has_a_default():
    found = of()
    assert (found["admin.first_name"], found["admin.last_name"]) == ("Shop", "Owner")
    assert (found["shop.name"], found["shop.country"], found["shop.time_zone"]) == ("shop.example", "US", "")
    assert of(job_row(language="fa"))["shop.country"] == "IR"
    assert of(job_row(domain="xn--mgbtf8fl.example"))["shop.name"] == "\u0633\u0648\u0631\u064a\u0627.example"


def test_what_the_order_says_is_used():
    order = {"first_name": "Ada", "last_name": "L.", "shop_name": "Tea", "country": "FR",
             "options": {"time_zone": "Europe/Paris", "currency": "EUR"}}  # fmt: skip
    found = of(job_row(order=order, language="fa"))
    assert (found["admin.first_name"], found["admin.last_name"], found["shop.name"]) == ("Ada", "L.", "Tea")
    assert (found["shop.country"], found["shop.time_zone"], found["shop.currency"]) == ("FR", "Europe/Paris", "EUR")


def test_the_administrators_password_never_goes_to_the_account():
    found = of(**{"admin.password": "secret", "admin.password_hash": "$2y$", "db.password": "p"})
    assert "secret" not in found.values()
    assert (found["admin.password_hash"], found["db.password"]) == ("$2y$", "p")


def test_only_what_is_unique_to_a_shop_is_compared_among_shops():
    manifest = {"secrets": [{"name": "cookie_key", "format": "hex:32"}]}
    private = {"cookie_key": "k", "db.password": "p", "admin.password_hash": "h", "admin_folder": "f"}
    assert values.fingerprinted(manifest, private) == {"cookie_key": "k", "db.password": "p"}
