"""The client's password page in a real browser, on a telephone, in both languages, without and with scripts."""

import time

import pytest
from selenium.webdriver.common.by import By

from controller.jobs.record.sealed_values import sealed
from controller.jobs.shop import credentials
from tests.browser.chromium.chrome import chrome
from tests.browser.chromium.waiting import attribute_of, click, shows, until

pytestmark = pytest.mark.browser
PASSWORD = "Kq7mVd3xTb9pWn2h"
FOLLOW_UPS = {
    "nonce": "0123abcd", "checks": [], "admin_folder": "admin77",
    "jobs": {"set_admin_password": {"statements": [{"sql": "UPDATE x SET y = %s", "params": []}], "edits": []}},
}  # fmt: skip


def offered(site, mode, language):
    """Return (job, address) of a shop whose password waits."""
    facts = {"shop_url": "http://x.example/", "admin_url": "http://x.example/admin77/"}
    private = sealed(site.service.installation.keys, {"admin.password": PASSWORD})
    order = site.order(language=language, email="a-rather-long-name+shop@the-client-of-a-host.example")
    job = site.put(order, "live", facts=facts, later=FOLLOW_UPS, domain_key=None, account_key=None, **private)
    nonce = credentials.offer(
        site.service.installation.engine, site.service.installation.keys, job.id, mode, time.time()
    )
    return job, f"{site.url}/credentials/{site.service.installation.tokens.for_credentials(job.id, nonce)}"


def wait_for_view(driver, view):
    until(driver, lambda: attribute_of(driver, "#credentials", "data-view") == view)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= 390


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
@pytest.mark.parametrize("language", ["en", "fa"])
def test_the_password_is_shown_after_a_press_and_never_again(site, language, javascript):
    _job, address = offered(site, "link", language)
    with chrome(390, 844, javascript=javascript) as driver:
        driver.get(address)
        wait_for_view(driver, "waiting")
        assert attribute_of(driver, "html", "lang") == language
        click(driver, By.CSS_SELECTOR, "form button")
        wait_for_view(driver, "shown")
        shows(driver, "#password", PASSWORD)
        driver.get(address)
        wait_for_view(driver, "used")
        assert PASSWORD not in driver.page_source


@pytest.mark.sampled(of=2, rests=True)
def test_a_chosen_password_is_followed_until_it_works(site):
    job, address = offered(site, "set", "fa")
    with chrome(390, 844) as driver:
        driver.get(address)
        wait_for_view(driver, "choose")
        for name in ("password", "again"):
            driver.find_element(By.NAME, name).send_keys("correct horse battery")
        click(driver, By.CSS_SELECTOR, "form button")
        wait_for_view(driver, "setting")
        [child] = site.service.jobs.follow_ups(job.id)
        site.put(child, "live")
        wait_for_view(driver, "done")
        assert attribute_of(driver, "a.primary", "href").endswith("/admin77/")
