"""A real PrestaShop below a folder of a domain, and moved out of it again: walked through in a browser."""

import os

import pytest
from selenium.webdriver.common.by import By

from tests.browser.chromium.chrome import chrome
from tests.integration.real_prestashop.test_browser import (
    check_page,
    click,
    fill_cart,
    one,
    pictures,
    product_name,
    visit,
    walk_to_product,
)
from tests.support.traces import Traces

pytestmark = pytest.mark.browser
AROUND = "<h1>The site around the shop</h1>"


@pytest.fixture(scope="module")
def moved(real):
    """Name -> (job, shown) of a shop in a folder, and of two made of that one: in another folder, and at the root."""
    first = restored(real, "--folder", "shop")
    target = real.directory / "in-folder.bundle"
    database = real.database(first[0])
    access = f"mysql://root@localhost/{database}?unix_socket={real.world.stack.mariadb_socket}"
    real.world.pack(real.root(first[0]) / "shop", access, "", target)
    real.world.run("bundle", "add", "in-folder", str(target))
    again = ("--bundle", "in-folder")
    return {"in": first, "across": restored(real, *again, "--folder", "tea/room"), "out": restored(real, *again)}


def restored(real, *words):
    """Order a shop into an account with a page of its own and let its agent do its work; return (job, shown)."""
    job = real.quiet_order(*words)
    if job["folder"]:
        page = real.root(job) / "index.html"
        page.write_text(AROUND)
        os.chown(page, real.identity(job).pw_uid, real.identity(job).pw_gid)
    assert real.run_agent(job, 600) == 0
    return job, real.live(job)


@pytest.fixture(scope="module")
def browser():
    with chrome(width=1400, height=1000) as driver:
        yield driver


NAMES = pytest.mark.parametrize("name", ["in", "across", "out"])


@NAMES
def test_front_page_category_product_search_and_cart_are_there(browser, real, moved, name):
    job, shown = moved[name]
    assert shown["shop_url"].endswith(f"/{job['folder']}/" if job["folder"] else "/")
    assert walk_to_product(browser, shown).startswith(shown["shop_url"])
    fill_cart(browser, shown)
    visit(browser, shown, "index.php?controller=cart&action=show")
    one(browser, "body#cart")
    check_page(browser, shown)
    assert browser.find_elements(By.CSS_SELECTOR, ".cart-item, .product-line-grid, .cart__item")
    visit(browser, shown)
    product, word = product_name(real, job)
    one(browser, "input[name='s']").send_keys(word)
    browser.execute_script("arguments[0].form.submit()", one(browser, "input[name='s']"))
    one(browser, "body#search")
    check_page(browser, shown)
    found = [title.text.lower() for title in browser.find_elements(By.CSS_SELECTOR, ".product-miniature")]
    assert any(product.lower()[:12] in title for title in found), found


@NAMES
def test_the_owner_signs_in_to_the_back_office_there(browser, real, moved, name):
    job, shown = moved[name]
    browser.get(shown["admin_url"])
    one(browser, "#email, #login_email").send_keys(f"{job['account']}@example.com")
    one(browser, "#passwd, #login_passwd").send_keys(real.password(job))
    click(browser, "#submit_login, #login_submit_login")
    one(browser, "#subtab-AdminOrders, #subtab-AdminParentOrders")
    check_page(browser, shown)
    browser.get(one(browser, "#subtab-AdminProducts a").get_attribute("href"))
    one(browser, "#product_grid, #product_catalog_list")
    check_page(browser, shown)
    assert pictures(browser)
    paths = {cookie["path"] for cookie in browser.get_cookies() if cookie["name"].startswith("PrestaShop")}
    base = f"/{job['folder']}/" if job["folder"] else "/"
    assert paths and all(path.startswith(base) for path in paths), paths


@pytest.mark.parametrize("name", ["in", "across"])
def test_the_site_around_is_as_it_was(real, moved, name):
    job, _ = moved[name]
    assert real.get(job, "/").text == real.get(job, "/index.html").text == AROUND
    assert {path.name for path in real.root(job).iterdir()} == {"index.html", job["folder"].split("/")[0]}


def test_nothing_is_left_of_where_they_come_from(real, moved):
    first = moved["in"][0]
    for name, known in (("in", real.template.known), ("across", {}), ("out", {})):
        job = moved[name][0]
        if not known:
            known = {"domain": first["domain"], "root": str(real.root(first))}
        traces = Traces(known)
        assert traces.in_tree(real.root(job)) == [], name
        assert traces.in_database(real.world.stack.mariadb_socket, real.database(job)) == set(), name
