"""The pages in a real browser: the progress page keeps itself fresh, nothing overflows a phone."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as expected

from tests.browser.chromium.axe import barriers
from tests.browser.chromium.chrome import chrome, complaints
from tests.browser.chromium.waiting import until

pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 840}


@pytest.fixture
def held(watched, controller):
    """(WHMCS, client, service): the shop is at 47 per cent."""
    _order, service = watched.order(domain="a-rather-long-name-of-a-shop-that-has-to-break.example.com")
    controller.answer(202, {"state": "restoring", "percent": 47, "step": "agent", "id": "ab12cd34"})
    watched.create(service)
    return watched, watched.rows("tblhosting", id=service)[0]["userid"], service


def says(driver, text):
    until(driver, lambda: text in driver.find_element(By.TAG_NAME, "body").text)


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize(
    ("language", "words"), [("english", ("47%", "64%", "100%")), ("farsi", ("۴۷٪", "۶۴٪", "۱۰۰٪"))]
)
def test_the_progress_page_follows_the_shop_by_itself_to_the_open_door(held, controller, language, words):
    whmcs, client, service = held
    with chrome(**PHONE) as driver:
        driver.get(whmcs.login_url(f"/index.php?m=shoplaunch&service={service}", uid=client, Language=language))
        says(driver, words[0])
        assert not [door for door in driver.find_elements(By.CSS_SELECTOR, "[data-door]") if door.is_displayed()]
        controller.answer(200, {"state": "restoring", "percent": 64})
        says(driver, words[1])
        controller.answer(200, {"state": "live", "percent": 100, "shop_url": "http://shop.example/"})
        says(driver, words[2])
        doors = driver.find_elements(By.CSS_SELECTOR, "[data-door]")
        assert [door.is_displayed() for door in doors] == [True, True]
        assert doors[0].get_attribute("href") == "http://shop.example/"
        assert driver.execute_script("return document.documentElement.scrollWidth") <= PHONE["width"]
        assert complaints(driver) == []
        doors[1].click()
        says(driver, "CLIENT-PASSWORD")


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("language", ["english", "farsi"])
def test_nothing_in_the_addons_pages_keeps_anybody_out(held, controller, language):
    whmcs, client, service = held
    with chrome() as driver:
        driver.get(whmcs.login_url(f"/index.php?m=shoplaunch&service={service}", uid=client, Language=language))
        found = [f"under way: {said}" for said in barriers(driver, "#shoplaunch")]
        controller.answer(200, {"state": "live", "percent": 100, "shop_url": "http://shop.example/"})
        until(driver, lambda: driver.find_element(By.CSS_SELECTOR, "[data-door=shop_url]").is_displayed())
        found += [f"ready: {said}" for said in barriers(driver, "#shoplaunch")]
        assert found == [], "\n".join(found)


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("language", ["english", "farsi"])
def test_nothing_in_the_administrators_page_keeps_anybody_out(watched, controller, language):
    page = "/admin/addonmodules.php?module=shoplaunch"
    with chrome() as driver:
        driver.get(watched.login_url(page, adminid=1, Language=language))
        found = [f"empty: {said}" for said in barriers(driver, ".shoplaunch-admin")]
        error = {"code": "privileges_missing", "message": "the user has none", "advice": "see the catalogue"}
        for number, state in enumerate(("failed", "live", "restoring")):
            _order, service = watched.order(domain=f"shop{number}.of-a-long-name-that-has-to-break.example.com")
            controller.answer(202, {"state": state, "percent": 31, "step": "privileges", "id": f"ab12cd3{number}",
                              "error": error if state == "failed" else None})  # fmt: skip
            watched.create(service)
        controller.answer(503, {})
        _order, service = watched.order(domain="waits.example.com")
        watched.create(service)
        driver.get(watched.url + page)
        says(driver, "waits.example.com")
        found += [f"shops: {said}" for said in barriers(driver, ".shoplaunch-admin")]
    assert found == [], "\n".join(found)


def test_a_controller_that_goes_down_leaves_the_page_as_it_was(held, controller):
    whmcs, client, service = held
    with chrome(**PHONE) as driver:
        driver.get(whmcs.login_url(f"/index.php?m=shoplaunch&service={service}", uid=client, Language="english"))
        says(driver, "47%")
        whmcs.setting("controller_url", "http://127.0.0.1:9")
        whmcs.query("UPDATE mod_shoplaunch_services SET checked_at = 0")
        until(driver, lambda: whmcs.shop(service)["checked_at"] > 0)
        says(driver, "47%")
        says(driver, "is being prepared")
        assert complaints(driver) == []


@pytest.mark.parametrize("language", ["english", "farsi"])
def test_the_administrators_page_fits_a_phone_and_asks_before_letting_a_client_in(held, language):
    whmcs, _client, service = held
    with chrome(**PHONE) as driver:
        driver.get(whmcs.login_url("/admin/addonmodules.php?module=shoplaunch", adminid=1, Language=language))
        assert driver.execute_script("return document.documentElement.scrollWidth") <= PHONE["width"]
        button = driver.find_element(By.CSS_SELECTOR, 'form:has(input[value="let_in"]) button')
        button.click()
        until(driver, lambda: expected.alert_is_present()(driver)).dismiss()
        assert whmcs.shop(service)["ready_at"] == 0
        button.click()
        until(driver, lambda: expected.alert_is_present()(driver)).accept()
        until(driver, lambda: whmcs.shop(service)["ready_at"] > 0)
        assert complaints(driver) == []
