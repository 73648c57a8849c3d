"""A shop ordered, followed and used in a real browser: what the operator, the client and the visitors see."""

import pytest
from selenium.webdriver.common.by import By

from tests.browser.chromium.chrome import chrome, complaints
from tests.browser.chromium.waiting import attribute_of, click, shows, text_of, until
from tests.support.worlds.whole import WAIT_SECONDS

pytestmark = pytest.mark.browser
#: Nothing while the picture is not there or not loaded yet.
PICTURE = """
const picture = document.querySelector(arguments[0]);
return picture && picture.complete ? [picture.naturalWidth] : null;
"""


def natural_width(driver, selector):
    """Return the width of the picture as it was really loaded; 0 for a broken one."""
    return until(driver, lambda: driver.execute_script(PICTURE, selector))[0]


@pytest.fixture(scope="module")
def shop(whole):
    """A shop that came to life while the operator and the client looked at their pages; with what they saw."""
    job = whole.quiet_order("--first-name", "Dana", "--last-name", "Sample", "--language", "en")
    with chrome() as operator, chrome(390, 844) as client:
        operator.get(f"{whole.world.url}/admin/jobs/{job['id']}")
        operator.find_element(By.NAME, "user").send_keys(whole.operator["user"])
        operator.find_element(By.NAME, "password").send_keys(whole.operator["password"])
        operator.find_element(By.ID, "login").click()
        until(operator, lambda: operator.find_elements(By.CSS_SELECTOR, ".head .pill"))
        client.get(job["status_url"])
        seen = {"before": (state_of(operator), text_of(client, "h1"))}
        for driver in (operator, client):
            driver.execute_script("window.untouched = true")
        agent = whole.start_agent(job)
        until(operator, lambda: state_of(operator) == "live")
        shows(client, "h1", "Your shop is ready")
        seen["reloaded"] = [not driver.execute_script("return window.untouched") for driver in (operator, client)]
        seen["done"] = until(operator, lambda: [row.get_attribute("data-step") for row in rows_done(operator)])
        seen["link"] = until(client, lambda: client.find_element(By.LINK_TEXT, "Visit your shop").get_attribute("href"))
        operator.get(f"{whole.world.url}/admin/jobs/{job['id']}/certificate")
        seen["certificate"] = text_of(operator, "article.certificate")
        seen["signed"] = attribute_of(operator, ".signature", "textContent")
        seen["complaints"] = complaints(operator) + complaints(client)
        assert agent.wait(WAIT_SECONDS) == 0
    return job, whole.live(job), seen


def state_of(driver):
    return attribute_of(driver, ".head .pill", "data-state")


def rows_done(driver):
    return driver.find_elements(By.CSS_SELECTOR, "tr[data-step].done")


@pytest.fixture
def browser():
    """A visitor's browser; no page may make its console complain."""
    with chrome() as driver:
        yield driver
        assert complaints(driver) == []


@pytest.mark.sampled(of=3, rests=True)
def test_operator_and_client_follow_the_job_to_its_end_without_touching_their_pages(shop):
    _, status, seen = shop
    assert seen["before"] == ("dropped", "Your shop is being prepared")
    assert seen["reloaded"] == [False, False]
    assert {"account", "database", "drop", "cron", "unpack", "import", "prove", "switch", "check"} <= set(seen["done"])
    assert seen["link"] == status["shop_url"]
    assert seen["complaints"] == []


def test_the_certificate_is_shown_with_its_evidence_and_signature(whole, shop):
    job, _, seen = shop
    for part in (
        "Birth certificate",
        job["domain"],
        "Time per stage",
        "Visits to the shop",
        "Peak memory",
        "Signature",
    ):
        assert part.casefold() in seen["certificate"].casefold(), part
    assert seen["signed"].strip() == whole.world.run("certificate", job["id"], "--signed").stdout.strip()


def test_a_visitor_finds_products_with_pictures_and_fills_the_cart(shop, browser):
    _, status, _ = shop
    browser.get(status["shop_url"])
    assert text_of(browser, ".brand") == "Tea & 'Saffron' فروشگاه"
    assert natural_width(browser, ".grid img") > 0
    click(browser, By.CSS_SELECTOR, ".grid .card a")
    until(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "section.product"))
    name = text_of(browser, "section.product h1")
    assert natural_width(browser, ".product .pictures img") >= 200
    assert browser.current_url.startswith(status["shop_url"])
    click(browser, By.NAME, "add")
    until(browser, lambda: browser.find_elements(By.CSS_SELECTOR, ".lines"))
    assert name in text_of(browser, ".lines .name")
    assert natural_width(browser, ".lines img") > 0
    click(browser, By.NAME, "delete")
    until(browser, lambda: "Your cart is empty." in text_of(browser, "main"))


@pytest.mark.sampled(of=2, rests=True)
def test_the_client_signs_in_with_the_password_from_the_mail_and_sees_the_orders(whole, shop, browser):
    job, status, _ = shop
    browser.get(status["admin_url"])
    browser.find_element(By.ID, "email").send_keys(f"{job['account']}@example.com")
    browser.find_element(By.ID, "passwd").send_keys("not the password")
    browser.find_element(By.NAME, "submitLogin").click()
    until(browser, lambda: browser.find_elements(By.CSS_SELECTOR, ".alert"))
    browser.find_element(By.ID, "passwd").send_keys(whole.password(job))
    browser.find_element(By.NAME, "submitLogin").click()
    until(browser, lambda: browser.find_elements(By.LINK_TEXT, "Orders"))
    assert "Dana Sample" in text_of(browser, "header.top")
    click(browser, By.LINK_TEXT, "Orders")
    shows(browser, "h1", "Orders")
    compiled = list(whole.root(job).glob("var/cache/*/container.php")) + list(
        whole.root(job).glob("var/cache/container.php")
    )
    assert len(compiled) == 1
    assert str(whole.root(job)) in compiled[0].read_text()
    click(browser, By.LINK_TEXT, "Products")
    until(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "tbody tr"))


def test_an_address_that_is_not_there_is_the_shops_own_404(whole, shop):
    job, _, _ = shop
    assert whole.get(job, "/there-is-no-such-page").status_code == 404
