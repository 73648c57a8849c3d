"""Visits to a real web server: the shop's own name at the server's own address, redirects, what pages must say."""

import socket

import pytest

from controller.jobs.visits import Site, run_checks, visit
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer
from tests.agent_box import NONCE
from tests.fakes.shop_site import ShopSite
from tests.integration.controller.world import place

HOST = "shop.example.com"


@pytest.fixture
def shop():
    made = ShopSite()
    yield made
    made.close()


def site(shop, host=HOST, **more):
    return Site("127.0.0.1", shop.port, host, **more)


def check(shop, **changes):
    """Run one check; return its row, or the message with which it failed."""
    row = {"name": "front", "path": "/", "status": [200], **changes}
    renderer = Renderer(NONCE, {"domain": HOST, "admin_folder": "backoffice1"})
    try:
        return run_checks(site(shop), [row], renderer, timeout=60)[0]
    except ShoplaunchError as error:
        assert error.code == "check_failed"
        return error.message


def redirect(shop, path, target, status=302):
    shop.pages[path] = (status, {"Location": target}, b"")


def test_the_request_asks_for_the_shop_at_the_servers_address(shop):
    found = check(shop)
    assert shop.requests == [("/", HOST, None)]
    assert (found["name"], found["path"], found["status"], found["bytes"]) == ("front", "/", 200, 16)


def test_paths_and_texts_are_filled_with_the_jobs_values(shop):
    shop.pages["/backoffice1/login"] = (200, {}, f"login of {HOST}".encode())
    assert check(shop, path=f"/{place('admin_folder')}/login", contains=[place("domain")])["status"] == 200
    assert "forbidden text" in check(shop, path=f"/{place('admin_folder')}/login", absent=[place("domain")])


def test_redirects_on_the_shops_own_host_are_followed_with_their_cookies(shop):
    shop.pages["/"] = (302, {"Location": f"http://{HOST}/en/", "Set-Cookie": "PrestaShop-1=abc%3D; path=/"}, b"")
    redirect(shop, "/en/", "../shop?id=1", 301)
    shop.pages["/shop?id=1"] = (200, {}, b"Welcome")
    assert check(shop, contains=["Welcome"])["redirects"] == 2
    assert shop.requests[-1] == ("/shop?id=1", HOST, "PrestaShop-1=abc%3D")


@pytest.mark.parametrize(
    "target",
    ["http://template.example/", "https://shop.example.com/", "//template.example/x", "http://shop.example.com:81/",
     "http://shop.example.com@template.example/"],
)  # fmt: skip
def test_a_redirect_to_any_other_host_is_refused(shop, target):
    redirect(shop, "/", target + "?token=secret")
    message = check(shop)
    assert "leads to another host" in message
    assert "secret" not in message
    assert len(shop.requests) == 1


def test_redirects_without_end_are_refused(shop):
    redirect(shop, "/", "/")
    assert "redirects without end" in check(shop)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"status": [404]}, "answered 200"), ({"path": "/nowhere"}, "answered 404"),
     ({"contains": ["Welcome", "Goodbye"]}, "lacks expected text 2"), ({"absent": ["Welcome"]}, "forbidden text 1"),
     ({"content_type": "image/"}, "is text/html")],
)  # fmt: skip
def test_a_page_that_is_not_as_it_should_be_is_named(shop, changes, message):
    found = check(shop, **changes)
    assert message in found
    assert found.startswith("front: ")


def test_a_shop_that_does_not_answer_is_no_success():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(ShoplaunchError) as caught:
        visit(Site("127.0.0.1", port, HOST), "/", "front", timeout=5)
    assert (caught.value.code, caught.value.retryable) == ("check_failed", True)


def test_a_server_that_never_ends_its_answer_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.raises(ShoplaunchError) as caught:
        visit(Site("127.0.0.1", listening.getsockname()[1], HOST), "/", "front", timeout=0.5)
    assert "no answer" in caught.value.message


def test_an_answer_larger_than_any_page_is_refused(shop):
    shop.pages["/"] = (200, {}, b"x" * (8 * 1024 * 1024 + 1))
    assert "answers more than" in check(shop)


def test_names_in_any_script_reach_the_server(shop):
    shop.pages["/%D9%81%D8%B1%D9%88%D8%B4"] = (200, {}, b"ok")
    assert check(shop, path="/فروش")["status"] == 200
