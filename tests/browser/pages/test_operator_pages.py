"""Operator and client pages in a real browser: sign in, follow a job live, retry, cancel, languages, small screens."""

import time

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from shared.events import make_event
from tests.browser.chromium.chrome import chrome, complaints
from tests.browser.chromium.waiting import attribute_of, click, shows, text_of, until
from tests.browser.states import FOLLOW_UPS
from tests.support.worlds.web_site import OPERATOR, PASSWORD

pytestmark = pytest.mark.browser


@pytest.fixture
def browser(site):
    with chrome() as driver:
        sign_in(site, driver)
        yield driver
        assert complaints(driver) == []


def sign_in(site, driver):
    driver.get(site.url + "/admin/jobs")
    driver.find_element(By.NAME, "user").send_keys(OPERATOR)
    driver.find_element(By.NAME, "password").send_keys(PASSWORD)
    driver.find_element(By.ID, "login").click()
    until(driver, lambda: driver.find_elements(By.ID, "logout"))


def state_of(driver):
    return attribute_of(driver, ".head .pill", "data-state")


def open_job(site, driver, job):
    driver.get(f"{site.url}/admin/jobs/{job.id}")


def overflow(driver):
    return driver.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.sampled(of=2, rests=True)
def test_jobs_are_listed_and_one_is_opened_from_there(site, browser):
    job = site.order("nora-ceramics.example")
    browser.get(site.url + "/admin/jobs")
    click(browser, By.LINK_TEXT, "nora-ceramics.example")
    shows(browser, "h1", "nora-ceramics.example")
    assert browser.current_url.endswith(job.id)


@pytest.mark.sampled(of=2, rests=True)
def test_a_job_is_followed_stage_by_stage_without_touching_the_page(site, browser):
    job = site.put(site.order(), "dropped", step="agent")
    token = site.agent_token(job)
    open_job(site, browser, job)
    browser.execute_script("window.untouched = true")
    bar = browser.find_element(By.CSS_SELECTOR, ".meter progress")

    def report(seq, kind, stage, percent):
        event = make_event(job.id, 1, seq, kind, time.time(), stage=stage, percent=percent)
        assert site.report(token, event).status_code == 202

    report(1, "stage_started", "unpack", 5)
    until(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "tr[data-step=unpack].running"))
    report(2, "stage_finished", "unpack", 40)
    report(3, "stage_started", "import", 41)
    until(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "tr[data-step=unpack].done"))
    until(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "tr[data-step=import].running"))
    # The very same bar, so that it can glide
    until(browser, lambda: bar.get_attribute("value") == "41")
    assert browser.execute_script("return window.untouched")
    until(browser, lambda: state_of(browser) == "restoring")


@pytest.mark.sampled(of=2, rests=True)
def test_a_failure_is_shown_with_advice_and_its_step_retried(site, browser):
    job = site.order()
    open_job(site, browser, job)
    site.fail(job, "database", "panel_unreachable", "no route to web-1")
    until(browser, lambda: browser.find_elements(By.ID, "retry"))
    trouble = text_of(browser, ".trouble")
    assert "no route to web-1" in trouble
    assert "What to do:" in trouble
    assert "panel_unreachable" in trouble
    click(browser, By.ID, "retry")
    until(browser, lambda: state_of(browser) == "preparing")
    until(browser, lambda: not browser.find_elements(By.CSS_SELECTOR, ".trouble"))
    until(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "tr[data-step=account].done"))
    until(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "tr[data-step=database].waiting"))


@pytest.mark.sampled(of=2, rests=True)
def test_cancel_asks_first_and_can_be_taken_back(site, browser):
    job = site.order()
    open_job(site, browser, job)
    click(browser, By.ID, "cancel")
    until(browser, lambda: browser.find_elements(By.ID, "confirm"))
    assert site.service.jobs.get(job.id).state == "received"
    click(browser, By.ID, "confirm")
    until(browser, lambda: state_of(browser) == "cancelled")
    click(browser, By.ID, "undo")
    shows(browser, "h1", "Take the cancellation back?")
    assert site.service.jobs.get(job.id).state == "cancelled"
    click(browser, By.ID, "confirm")
    until(browser, lambda: state_of(browser) == "preparing")


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
def test_closing_a_shop_asks_first_also_by_keyboard(site, javascript):
    job = site.put(site.order(), "live", later=FOLLOW_UPS, domain_key=None, account_key=None)
    with chrome(javascript=javascript) as driver:
        sign_in(site, driver)
        open_job(site, driver, job)
        until(driver, lambda: driver.find_element(By.ID, "remove")).send_keys(Keys.ENTER)
        shows(driver, "h1", "Close this shop?")
        said = text_of(driver, "main")
        assert job.domain in said and "Visitors see that the shop is closed" in said
        assert site.service.jobs.follow_ups(job.id) == []
        driver.find_element(By.ID, "confirm").send_keys(Keys.ENTER)
        shows(driver, "p.note", "The job has begun.")
        assert [child.kind for child in site.service.jobs.follow_ups(job.id)] == ["remove"]


def test_the_language_switch_turns_the_page_and_stays(site, browser):
    job = site.order()
    open_job(site, browser, job)
    click(browser, By.CSS_SELECTOR, "a[hreflang=fa]")
    until(browser, lambda: attribute_of(browser, "html", "lang") == "fa")
    assert attribute_of(browser, "html", "dir") == "rtl"
    assert until(browser, lambda: browser.find_element(By.CSS_SELECTOR, ".brand").rect)["x"] > 640
    browser.get(site.url + "/admin/audit")
    shows(browser, "h1", "گزارش تغییرات")
    click(browser, By.CSS_SELECTOR, "a[hreflang=en]")
    shows(browser, "h1", "Audit log")


def test_signing_out_leads_to_the_login(site, browser):
    click(browser, By.ID, "logout")
    until(browser, lambda: browser.find_elements(By.ID, "login"))
    browser.get(site.url + "/admin/jobs")
    assert browser.find_elements(By.ID, "login")


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("language", ["en", "fa"])
def test_nothing_is_wider_than_a_telephone(site, language):
    job = site.order("a-rather-long-name-for-a-small-shop-of-leather-goods.isfahan.example")
    site.fail(job, "agent", "db_access_denied", "the server refused the user " + "x" * 120)
    paths = ["/admin/jobs", f"/admin/jobs/{job.id}", f"/admin/jobs/{job.id}/cancel", "/admin/audit", "/admin/servers"]
    client = site.service.jobs.status(site.service.jobs.get(job.id))["status_url"]
    with chrome(390, 844) as driver:
        sign_in(site, driver)
        for address in [*(site.url + path for path in paths), client]:
            driver.get(f"{address}?lang={language}")
            assert overflow(driver) <= 0, address


@pytest.mark.sampled(of=2, rests=True)
def test_the_client_sees_progress_live_and_the_shop_at_the_end(site, browser):
    job = site.put(site.order(), "restoring", percent=20)
    browser.get(site.service.jobs.status(site.service.jobs.get(job.id))["status_url"])
    shows(browser, "h1", "Your shop is being prepared")
    site.put(job, "live", percent=100, facts={"shop_url": f"http://{job.domain}/"})
    shows(browser, "h1", "Your shop is ready")
    until(
        browser,
        lambda: browser.find_element(By.LINK_TEXT, "Visit your shop").get_attribute("href") == f"http://{job.domain}/",
    )


def test_without_scripts_the_clients_page_looks_again_when_asked(site):
    job = site.put(site.order(), "restoring", percent=20)
    address = site.service.jobs.status(site.service.jobs.get(job.id))["status_url"]
    with chrome(javascript=False) as driver:
        driver.get(address)
        site.put(job, "live", percent=100, facts={"shop_url": f"http://{job.domain}/"})
        shows(driver, "h1", "Your shop is being prepared")
        click(driver, By.CSS_SELECTOR, ".again a")
        shows(driver, "h1", "Your shop is ready")
        assert not driver.find_elements(By.CSS_SELECTOR, ".again")
