"""What needs attention, in a real browser: refused orders on desktop and phone, in both languages."""

import json

import pytest
from selenium.webdriver.common.by import By

from shared.errors import title
from tests.browser.chromium.chrome import chrome, complaints
from tests.browser.chromium.waiting import click, text_of, until
from tests.browser.pages.test_operator_pages import overflow, sign_in
from tests.integration.billing.events import created

pytestmark = pytest.mark.browser


@pytest.fixture
def refused(site):
    """The domain of an order that was refused for an unknown bundle."""
    event = created(server_host="web-1", bundle="nothing")
    assert site.signed("POST", "/api/v1/orders", json.dumps(event).encode()).status_code == 422
    return event["domain"]


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize(("width", "language"), [(1280, "en"), (390, "en"), (390, "fa")])
def test_refused_orders_fit_every_screen_and_are_seen_to(site, refused, width, language):
    with chrome(width, 900) as driver:
        sign_in(site, driver)
        driver.get(f"{site.url}/admin/attention?lang={language}")
        assert refused in text_of(driver, "[data-refused]") and overflow(driver) == 0
        click(driver, By.CSS_SELECTOR, "[data-refused] a.primary")
        click(driver, By.ID, "confirm")
        until(driver, lambda: title("bundle_unknown", language) in text_of(driver, "p.note"))
        assert refused in text_of(driver, "[data-refused]")
        click(driver, By.CSS_SELECTOR, "[data-refused] .actions a:nth-of-type(2)")
        click(driver, By.ID, "confirm")
        until(driver, lambda: not driver.find_elements(By.CSS_SELECTOR, "[data-refused]"))
        assert overflow(driver) == 0 and complaints(driver) == []
