"""The shops restored from a real PrestaShop, seen as a visitor and as the shop's owner see them: in a browser."""

import re

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as expected

from tests.browser.chromium.chrome import chrome, complaints
from tests.browser.chromium.waiting import wait_for
from tests.support.shops.real_shop import SHOP_NAME

pytestmark = pytest.mark.browser
#: What PHP writes into a page when something is wrong.
PHP_SAYS = re.compile(
    r"<b>(?:Warning|Notice|Deprecated|Fatal error|Parse error)</b>:|Uncaught \w*(?:Error|Exception)\b"
)
PHP_SAYS_PLAIN = re.compile(r"(?:Warning|Notice|Deprecated|Fatal error): .* on line \d+|Stack trace:|An Error Occurred")
#: The pictures of this host that are there, and those that are not, once the page has been scrolled through.
PICTURES = """
const source = one => one.currentSrc || one.src;
const own = [...document.images].filter(
  one => source(one) && new URL(source(one)).host === location.host);
own.forEach(one => { one.loading = 'eager'; });
window.scrollTo(0, document.body.scrollHeight);
return [own.filter(one => one.complete && one.naturalWidth > 0).map(source),
        own.filter(one => !one.complete || one.naturalWidth === 0).map(source)];
"""


@pytest.fixture(scope="module")
def browser():
    with chrome(width=1400, height=1000) as driver:
        yield driver


@pytest.fixture(scope="module", params=[0, 1], ids=["bundle from the controller", "bundle from the skeleton"])
def shop(request, shops):
    return shops[request.param]


def one(browser, selector):
    """Wait for the first element that matches `selector`; return it."""
    return wait_for(browser, expected.presence_of_element_located((By.CSS_SELECTOR, selector)))


def click(browser, selector):
    """Click the first element that matches `selector` as a script does: nothing may lie above it."""
    browser.execute_script("arguments[0].click()", one(browser, selector))


def check_page(browser, shown):
    """The page is the shop's own, without a word of PHP, and the browser has nothing to complain of."""
    assert browser.current_url.startswith(shown["shop_url"])
    source = browser.page_source
    assert not PHP_SAYS.search(source), PHP_SAYS.search(source)
    text = browser.find_element(By.TAG_NAME, "body").text
    assert not PHP_SAYS_PLAIN.search(text), PHP_SAYS_PLAIN.search(text)
    assert not [line for line in complaints(browser) if line.startswith(shown["shop_url"])]


def pictures(browser):
    """Return the addresses of the shop's pictures on the page, after all of them have been loaded."""
    wait_for(browser, lambda driver: not driver.execute_script(PICTURES)[1])
    return browser.execute_script(PICTURES)[0]


def visit(browser, shown, path=""):
    browser.get(shown["shop_url"] + path)


def walk_to_product(browser, shown):
    """From the front page over the first category to a product, all of it with pictures; return its own's address."""
    visit(browser, shown)
    check_page(browser, shown)
    assert browser.title == SHOP_NAME
    assert len(pictures(browser)) > 5
    click(browser, "#top-menu > li > a, #top-menu .ps-mainmenu__tree-link, a[data-depth='0']")
    one(browser, "#category, body.page-category, body#category")
    check_page(browser, shown)
    assert len(pictures(browser)) > 1
    click(browser, ".product-miniature a.product-thumbnail, .product-miniature a[href]")
    one(browser, "body#product")
    check_page(browser, shown)
    cover = one(browser, ".product-cover img, .images-container img, .product__images img")
    source = cover.get_property("currentSrc")
    assert source in pictures(browser)
    return source


def test_a_visitor_finds_a_product_and_puts_it_into_the_cart(browser, shop):
    _, shown = shop
    walk_to_product(browser, shown)
    name = browser.find_element(By.CSS_SELECTOR, "h1").text
    click(browser, "button.add-to-cart, [data-button-action='add-to-cart']")
    wait_for(browser, expected.visibility_of_element_located((By.CSS_SELECTOR, "#blockcart-modal")))
    visit(browser, shown, "index.php?controller=cart&action=show")
    one(browser, "body#cart")
    check_page(browser, shown)
    lines = browser.find_elements(By.CSS_SELECTOR, ".cart-item, .product-line-grid, .cart__item")
    assert lines and name.lower() in lines[0].text.lower()
    assert pictures(browser)


def test_a_visitor_searches_registers_and_reaches_the_address_step(browser, real, shop):
    job, shown = shop
    fill_cart(browser, shown)
    visit(browser, shown)
    name, word = product_name(real, job)
    field = one(browser, "input[name='s']")
    field.send_keys(word)
    browser.execute_script("arguments[0].form.submit()", field)
    one(browser, "body#search")
    check_page(browser, shown)
    found = [title.text.lower() for title in browser.find_elements(By.CSS_SELECTOR, ".product-miniature")]
    assert any(name.lower()[:12] in title for title in found), found
    visit(browser, shown, "index.php?controller=authentication")
    click(browser, "a[href*='registration'], a[href*='create_account']")
    customer = {"firstname": "Vera", "lastname": "Visitor", "email": f"vera.{job['account']}@example.com"}
    for field, value in {**customer, "password": "Marigold-73-tractor!"}.items():
        one(browser, f"#customer-form input[name='{field}']").send_keys(value)
    for box in browser.find_elements(By.CSS_SELECTOR, "#customer-form input[type='checkbox'][required]"):
        browser.execute_script("arguments[0].click()", box)
    click(browser, "#customer-form button[type='submit']")
    one(browser, "a[href*='mylogout']")
    check_page(browser, shown)
    visit(browser, shown, "index.php?controller=order")
    wait_for(browser, expected.visibility_of_element_located((By.CSS_SELECTOR, "input[name='address1']")))
    check_page(browser, shown)
    known = real.sql(
        f"SELECT firstname, lastname FROM {real.template.prefix}customer WHERE email = %s", customer["email"],
        database=real.database(job),
    )  # fmt: skip
    assert known == (("Vera", "Visitor"),)


def fill_cart(browser, shown):
    """Put the first product of the front page into the cart."""
    visit(browser, shown)
    click(browser, ".product-miniature a.product-thumbnail, .product-miniature a[href]")
    one(browser, "body#product")
    click(browser, "button.add-to-cart, [data-button-action='add-to-cart']")
    wait_for(browser, expected.visibility_of_element_located((By.CSS_SELECTOR, "#blockcart-modal")))


def product_name(real, job):
    """Return the name of a product, and the longest of its words."""
    prefix = real.template.prefix
    ((name,),) = real.sql(
        f"SELECT l.name FROM {prefix}product_lang l JOIN {prefix}product p ON p.id_product = l.id_product"
        " WHERE p.active = 1 ORDER BY l.id_product, l.id_lang LIMIT 1",
        database=real.database(job),
    )
    return name, max(re.findall(r"[^\W\d_]+", name), key=len)


def test_the_owner_logs_in_with_the_password_from_the_mail_and_saves_a_product(browser, real, shop):
    job, shown = shop
    browser.get(shown["admin_url"])
    one(browser, "#email, #login_email").send_keys(f"{job['account']}@example.com")
    one(browser, "#passwd, #login_passwd").send_keys(real.password(job))
    click(browser, "#submit_login, #login_submit_login")
    one(browser, "#subtab-AdminOrders, #subtab-AdminParentOrders")
    check_page(browser, shown)
    open_page(browser, "#subtab-AdminOrders a", "#order_grid, #order_grid_panel")
    check_page(browser, shown)
    open_page(browser, "#subtab-AdminProducts a", "#product_grid, #product_catalog_list")
    check_page(browser, shown)
    rows = browser.find_elements(By.CSS_SELECTOR, "#product_grid tbody tr, #product_catalog_list tbody tr")
    assert len(rows) > 3
    assert pictures(browser)
    save_a_product(browser, real, job, shown)


def save_a_product(browser, real, job, shown):
    """Give the first product of the list another name; the shop shows it."""
    address = browser.execute_script(
        "return [...document.querySelectorAll('#product_grid tbody a, #product_catalog_list tbody a')]"
        ".map(one => one.href).find(one => /\\/products(-v2)?\\/\\d+/.test(one))"
    )
    number = re.search(r"/products(?:-v2)?/(\d+)", address).group(1)
    browser.get(address)
    field = wait_for(
        browser,
        expected.element_to_be_clickable(
            (By.CSS_SELECTOR, "input[id^='product_header_name_'], input[id^='form_step1_name_']")
        ),
    )
    name = f"Renamed by {job['account']}"
    field.clear()
    field.send_keys(name)
    click(browser, "#product_footer_save, #product_header_save, #form #submit, input#submit")
    saved = f"SELECT name FROM {real.template.prefix}product_lang WHERE id_product = {number}"
    wait_for(browser, lambda _: (name,) in real.sql(saved, database=real.database(job)))
    visit(browser, shown, f"index.php?controller=product&id_product={number}")
    assert name.lower() in one(browser, "h1").text.lower()
    check_page(browser, shown)


def open_page(browser, link, mark):
    """Follow the menu's `link`; return once an element that matches `mark` is there."""
    browser.get(one(browser, link).get_attribute("href"))
    one(browser, mark)


def test_a_wrong_password_does_not_open_the_back_office(browser, shop):
    job, shown = shop
    # From another page: a request of one that is open could bring them back
    browser.get("about:blank")
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    browser.get(shown["admin_url"])
    one(browser, "#email, #login_email").send_keys(f"{job['account']}@example.com")
    one(browser, "#passwd, #login_passwd").send_keys("not the password")
    click(browser, "#submit_login, #login_submit_login")
    assert wait_for(browser, expected.visibility_of_element_located((By.CSS_SELECTOR, "#error, .alert-danger"))).text
    assert not browser.find_elements(By.CSS_SELECTOR, "#subtab-AdminOrders")
