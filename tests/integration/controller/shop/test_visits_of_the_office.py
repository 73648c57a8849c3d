"""Visits to a back office: the new administrator signs in, its pages live, and no password leaves by a wrong way."""

import ssl

import pytest

from controller.jobs.shop.checks.shop_checks import run_checks
from controller.jobs.shop.checks.visits import Site
from controller.network.http_client import Origin
from controller.shop_address import ShopAddress
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer
from tests.fakes.shop_site import ShopSite
from tests.integration.controller.visiting import HOST, site
from tests.support.worlds.agent_box import NONCE
from tests.support.worlds.world import place


@pytest.fixture
def shop():
    made = ShopSite()
    yield made
    made.close()


PASSWORD = "Sesame-77"
OFFICE = "/new-office/index.php"
LOGIN = (
    '<form id="search"><input name="q"></form><form action="#" method="post">{more}'
    '<input type="hidden" name="token" value="t1"><input type="email" name="email">'
    '<input type="password" name="passwd"><input type="checkbox" name="stay" value="1">'
    '<button type="submit" name="submitLogin">In</button></form>'
)
HTML = {"Content-Type": "text/html"}


def office(shop, more="", password=PASSWORD, at=None, **changes):
    """The shop has a back office; return what a check with its first password says."""
    shop.pages[OFFICE + "?controller=login"] = (
        200,
        {**HTML, "Set-Cookie": "visit=1"},
        LOGIN.format(more=more).encode(),
    )

    def entered(form, cookies):
        wanted = {"token": "t1", "email": "owner@example.com", "passwd": PASSWORD}
        if "visit=1" not in cookies or {**form, **wanted} != form or "stay" in form or "submitLogin" not in form:
            return 200, HTML, LOGIN.format(more="").encode()
        return 302, {"Location": OFFICE + "?home&token=key1", "Set-Cookie": "who=owner; path=/new-office"}, b""

    shop.posts[OFFICE + "?controller=login"] = entered
    longer, new = f"{OFFICE}/?orders&amp;t=k", f"{OFFICE}?new&amp;?orders&amp;"
    menu = "".join(f'<a href="{link}">O</a>' for link in (longer, new, f"{OFFICE}?orders&amp;token=key2"))
    menu = f'{menu}<a href="http://old.example/?orders&amp;">O</a><a href="{OFFICE}?logout">Out</a></html>'.encode()
    for query in ("?home&token=key1", "?orders&token=key2", "?logout", "/fixed"):
        shop.inside.setdefault(OFFICE + query, ("who=owner", (200, HTML, menu)))
    how = {"user": place("admin.email"), "contains": ["</html>"], "absent": ["Fatal error"], "leave": ["?logout"]}
    how["pages"] = [{"name": "orders", "links": ["?nothing", "?orders&"]}, {"name": "fixed", "path": OFFICE + "/fixed"}]
    row = {"name": "office", "path": OFFICE + "?controller=login", "status": [200], "sign_in": {**how, **changes}}
    renderer = Renderer(NONCE, {"admin.email": "owner@example.com"})
    try:
        return [found["name"] for found in run_checks(at or site(shop), [row], renderer, 60, password)]
    except ShoplaunchError as error:
        assert error.code == "check_failed"
        assert "key" not in error.message and PASSWORD not in error.message
        return error.message


def test_the_new_administrator_signs_in_sees_pages_and_leaves(shop):
    assert office(shop) == ["office", "office_first_page", "office_orders", "office_fixed"]
    asked = [path for path, _host, _cookie in shop.requests]
    assert asked[-2:] == [OFFICE + "/fixed", OFFICE + "?logout"]


def test_no_row_names_what_the_session_is_known_by(shop):
    row = {"name": "office", "path": OFFICE + "?controller=login", "status": [200]}
    office(shop)
    how = {"user": "owner@example.com", "pages": [{"name": "orders", "links": ["?orders&"]}]}
    rows = run_checks(site(shop), [{**row, "sign_in": how}], Renderer(NONCE, {}), 60, PASSWORD)
    assert [one["path"] for one in rows[1:]] == [OFFICE, OFFICE]


def test_an_administrator_who_is_not_let_in_is_no_owner(shop):
    assert "cannot sign in" in office(shop, password="wrong")


@pytest.mark.parametrize(
    ("answer", "message"),
    [((500, HTML, b"Oops"), "office_orders: /new-office/index.php answered 500"),
     ((200, HTML, b""), "office_orders: /new-office/index.php is blank"),
     ((200, HTML, b"<b>Fatal error</b> </html>"), "holds forbidden text"),
     ((200, HTML, b"half a pa"), "lacks expected text"),
     ((200, HTML, LOGIN.format(more="").encode()), "leads back to the form"),
     ((302, {"Location": "http://old.example/?token=key9"}, b""), "leads to another host: http://old.example")],
)  # fmt: skip
def test_a_back_office_whose_pages_do_not_live_fails(shop, answer, message):
    shop.inside[OFFICE + "?orders&token=key2"] = ("who=owner", answer)
    assert message in office(shop)


@pytest.mark.parametrize(
    "more",
    ['<div class="g-recaptcha"></div>', '<input name="code">', '<input type="number" name="sum">'],
)  # fmt: skip
def test_a_form_that_only_a_person_can_fill_in_is_left_alone(shop, more):
    assert office(shop, more=more) == ["office"]


def test_without_the_first_password_only_the_form_is_looked_at(shop):
    assert office(shop, password="") == ["office"]
    assert len(shop.requests) == 1


class Elsewhere(Site):
    """A site at another machine's address, as far as it knows."""

    def origin(self):
        return Origin("127.0.0.1", self.port)


def test_a_password_does_not_leave_the_machine_in_plain_text(shop):
    assert office(shop, at=Elsewhere("192.0.2.7", shop.port, ShopAddress.on_usual_port(HOST))) == ["office"]
    assert len(shop.requests) == 1
    address = ShopAddress.on_usual_port(HOST)
    assert Site("127.0.0.1", 80, address).keeps_secrets and not Site("2001:db8::7", 80, address).keeps_secrets
    assert Site("192.0.2.7", 443, address, context=ssl.create_default_context()).keeps_secrets


def test_a_password_never_goes_to_another_host(shop):
    shop.pages[OFFICE + "?controller=login"] = (
        200, HTML, LOGIN.replace('"#"', '"http://old.example/login"').format(more="").encode(),
    )  # fmt: skip
    row = {
        "name": "office",
        "path": OFFICE + "?controller=login",
        "status": [200],
        "sign_in": {"user": "o@example.com"},
    }
    with pytest.raises(ShoplaunchError) as caught:
        run_checks(site(shop), [row], Renderer(NONCE, {}), 60, PASSWORD)
    assert "is sent to another host" in caught.value.message
