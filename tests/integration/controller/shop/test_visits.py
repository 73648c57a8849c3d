"""Visits to a real web server: the shop's own name at the server's own address, redirects, what pages must say."""

import socket

import pytest

from controller.jobs.shop.checks.visits import Site, visit
from controller.shop_address import ShopAddress
from shared.errors import ShoplaunchError
from tests.fakes.shop_site import ShopSite
from tests.integration.controller.visiting import HOST, check, redirect
from tests.support.worlds.world import place


@pytest.fixture
def shop():
    made = ShopSite()
    yield made
    made.close()


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
        visit(Site("127.0.0.1", port, ShopAddress.on_usual_port(HOST)), "/", "front", timeout=5)
    assert (caught.value.code, caught.value.retryable) == ("check_failed", True)


def test_a_server_that_never_ends_its_answer_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.raises(ShoplaunchError) as caught:
        visit(Site("127.0.0.1", listening.getsockname()[1], ShopAddress.on_usual_port(HOST)), "/", "front", timeout=0.5)
    assert "no answer" in caught.value.message


def test_an_answer_larger_than_any_page_is_refused(shop):
    shop.pages["/"] = (200, {}, b"x" * (8 * 1024 * 1024 + 1))
    assert "answers more than" in check(shop)


def test_names_in_any_script_reach_the_server(shop):
    shop.pages["/%D9%81%D8%B1%D9%88%D8%B4"] = (200, {}, b"ok")
    assert check(shop, path="/فروش")["status"] == 200


# -- What a page says although its status is good -------------------------------------------------------------------


def test_a_blank_page_is_no_page(shop):
    shop.pages["/"] = (200, {"Content-Type": "text/html"}, b" \n")
    assert "front: / is blank" in check(shop)


def test_an_empty_answer_that_is_wanted_otherwise_is_no_trouble(shop):
    shop.pages["/nothing"] = (404, {}, b"")
    assert check(shop, path="/nothing", status=[404])["status"] == 404


@pytest.mark.parametrize(
    ("status", "cause"), [(500, "error_log"), (503, "maintenance"), (403, "modes of files"), (508, "limits")]
)
def test_a_status_is_reported_with_its_likeliest_cause(shop, status, cause):
    shop.pages["/"] = (status, {}, b"sorry")
    assert cause in check(shop)


def test_a_checks_own_hint_is_reported_but_for_errors_of_the_server(shop):
    hint = "the rules of .htaccess do not work: AllowOverride, mod_rewrite"
    assert check(shop, path="/1-home/mug.jpg", hint=hint).endswith(f"answered 404, expected [200] ({hint})")
    shop.pages["/1-home/mug.jpg"] = (500, {}, b"")
    assert hint not in check(shop, path="/1-home/mug.jpg", hint=hint)


def test_a_redirect_may_lead_to_what_the_address_itself_must_not_answer(shop):
    missing = {"path": "/nowhere", "status": [404], "after_redirect": [200]}
    assert check(shop, **missing)["status"] == 404
    redirect(shop, "/nowhere", "/")
    assert check(shop, **missing)["status"] == 200
    shop.pages["/nowhere"] = (200, {}, b"Welcome")
    assert "answered 200" in check(shop, **missing)


# -- What a page names ----------------------------------------------------------------------------------------------

ALL = {"img": 12, "link": 6, "script": 6, "a": 4}


def front(shop, *tags, **answers):
    """The front page holds `tags`; of the addresses of its host those in `answers` have other answers than a file's."""
    shop.pages["/"] = (200, {"Content-Type": "text/html"}, "".join(tags).encode())
    return check(shop, assets=ALL, **answers)


def serve(shop, *paths, kind="image/jpeg"):
    for path in paths:
        shop.pages[path] = (200, {"Content-Type": kind}, b"something")


def pictures(*paths):
    return "".join(f'<img src="{path}">' for path in paths)


PRETTY = [f"/{number}-home_default/mug.jpg" for number in (1, 2, 33)]


def test_what_the_front_page_names_on_its_own_host_is_asked_for_once(shop):
    serve(shop, *PRETTY, "/logo.png")
    serve(shop, "/theme.css", "/app.js", "/en/mugs", kind="text/css")
    found = front(
        shop,
        pictures(
            *PRETTY, PRETTY[0], f"http://{HOST}/logo.png", "https://cdn.example/x.png", "data:image/png;base64,AA"
        ),
        '<link rel="stylesheet" href="theme.css"><link rel="canonical" href="/gone"><script src="/app.js#x"></script>',
        '<a href="/en/mugs">Mugs</a><a href="/cart?add=1">Buy</a><a href="/">Home</a>',
    )
    assert found["assets"] == {"asked": 7, "answered": 7}
    asked = [path for path, _host, _cookie in shop.requests]
    assert sorted(asked) == sorted(["/", *PRETTY, "/logo.png", "/theme.css", "/app.js", "/en/mugs"])


def test_a_shop_whose_pictures_are_not_there_by_name_fails_although_its_logo_is(shop):
    serve(shop, "/logo.png", "/img/a.png")
    message = front(shop, pictures("/logo.png", "/img/a.png", *PRETTY), hint="rules of .htaccess")
    assert (
        "none of 3 pictures that / names answers: /1-home_default/mug.jpg answered 404 (rules of .htaccess)" in message
    )


def test_a_page_in_a_pictures_place_is_no_picture(shop):
    serve(shop, *PRETTY, kind="text/html; charset=utf-8")
    assert "/1-home_default/mug.jpg is a page" in front(shop, pictures(*PRETTY))


def test_a_broken_picture_or_two_are_the_templates_own(shop):
    serve(shop, "/logo.png")
    assert front(shop, pictures("/logo.png", *PRETTY[:2]))["assets"] == {"asked": 3, "answered": 1}


@pytest.mark.parametrize("tag", ['<link rel="preload stylesheet" href="/x.css">', "<script src='/x.js'></script>"])
def test_a_page_whose_only_style_sheet_or_script_is_missing_is_not_as_it_was(shop, tag):
    serve(shop, "/logo.png")
    assert "answered 404" in front(shop, pictures("/logo.png"), tag)
    serve(shop, "/x.css", "/x.js", kind="text/css")
    assert front(shop, pictures("/logo.png"), tag)["assets"]["answered"] == 2


@pytest.mark.parametrize(
    "tag",
    ["<script>let cart = {}</script>", "<script src=' '></script>", "<link rel=stylesheet>", 3 * "<img class=lazy>"],
    ids=["written in the page", "an empty address", "a style sheet without one", "pictures without one"],
)
def test_what_has_no_address_is_not_asked_for(shop, tag):
    serve(shop, "/logo.png")
    assert front(shop, pictures("/logo.png"), tag)["assets"] == {"asked": 1, "answered": 1}
    assert [path for path, _host, _cookie in shop.requests] == ["/", "/logo.png"]


def test_pages_that_are_all_missing_show_that_addresses_by_name_do_not_work(shop):
    links = "".join(f'<a href="/en/{number}-mugs">Mugs</a>' for number in (3, 4, 5))
    assert "none of 3 pages" in front(shop, links)
    serve(shop, "/en/4-mugs", kind="text/html")
    assert front(shop, links)["assets"] == {"asked": 3, "answered": 1}


def test_a_page_that_ends_in_an_error_fails_whatever_the_others_do(shop):
    serve(shop, "/en/mugs", "/en/cups", kind="text/html")
    links = '<a href="/en/mugs">M</a><a href="/en/cups">C</a><a href="/en/new">N</a>'
    shop.pages["/en/new"] = (500, {}, b"sorry")
    assert "/en/new answered 500" in front(shop, links)
    shop.pages["/en/new"] = (200, {"Content-Type": "text/html"}, b"<b>Fatal error</b>: no such class")
    assert "/en/new holds forbidden text" in front(shop, links, absent=["<b>Fatal error</b>: "])


def test_another_sites_page_that_answers_for_the_shop_is_noticed(shop):
    assert "names no address of its own" in front(shop, '<h1>It works!</h1><a href="https://panel.example/">Panel</a>')


def test_no_more_is_asked_for_than_the_check_wants_and_large_files_do_not_matter(shop):
    many = [f"/img/{number}.jpg" for number in range(40)]
    serve(shop, *many)
    shop.pages[many[0]] = (200, {"Content-Type": "image/jpeg"}, b"x" * (9 * 1024 * 1024))
    assert front(shop, pictures(*many))["assets"] == {"asked": 12, "answered": 12}


def test_addresses_are_found_from_where_the_front_page_ended(shop):
    redirect(shop, "/", "/en/")
    shop.pages["/en/"] = (
        200,
        {"Content-Type": "text/html"},
        b'<base href="/en/"><img src="a.png"><img src="../b.png">',
    )
    serve(shop, "/en/a.png", "/b.png")
    assert check(shop, assets=ALL)["assets"] == {"asked": 2, "answered": 2}


@pytest.mark.parametrize("gate", ["/en/login?back=my-account", "/age-gate?to=%2F"], ids=["signing in", "age"])
def test_a_shop_that_leads_everybody_to_a_gate_lives_where_the_gate_and_its_pictures_do(shop, gate):
    product = "/index.php?controller=product&id_product=1"
    for path in ("/", product):
        redirect(shop, path, gate)
    shop.pages[gate] = (
        200,
        {"Content-Type": "text/html"},
        b'<link rel="stylesheet" href="/theme.css"><h1>Welcome</h1>',
    )
    serve(shop, "/theme.css", kind="text/css")
    serve(shop, PRETTY[0])
    assert check(shop, assets=ALL)["assets"] == {"asked": 1, "answered": 1}
    assert check(shop, path=product, content_type="text/html")["redirects"] == 1
    assert check(shop, path=PRETTY[0], content_type="image/jpeg")["status"] == 200
    assert "answered 404" in check(shop, path=PRETTY[1], content_type="image/jpeg")
    shop.pages[gate] = (200, {"Content-Type": "text/html"}, b"<b>Fatal error</b>: no such class")
    assert "forbidden text" in check(shop, path=product, absent=["<b>Fatal error</b>: "])
    shop.pages[gate] = (500, {}, b"sorry")
    assert "answered 500" in check(shop, path=product)


def test_of_a_theme_of_one_page_its_own_parts_are_no_other_pages(shop):
    serve(shop, "/theme.css", kind="text/css")
    links = '<a href="#menu">Menu</a><a href="/#shop">Shop</a><a href="#contact">Contact</a>'
    assert front(shop, '<link rel="stylesheet" href="/theme.css">', links)["assets"] == {"asked": 1, "answered": 1}
    assert [path for path, _host, _cookie in shop.requests] == ["/", "/theme.css"]


# -- Signing in -----------------------------------------------------------------------------------------------------
