"""The sites restored from Debian's WordPress, as a visitor and as their owner see them: in a browser."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as expected

from tests.browser.chromium.chrome import chrome, complaints
from tests.browser.chromium.waiting import wait_for

pytestmark = pytest.mark.browser
PAGE_SECONDS = 180
TITLE = "Written by the owner"
SAVE = """
const done = arguments[arguments.length - 1];
const editor = wp.data.dispatch('core/editor');
editor.editPost({title: arguments[0], status: 'publish',
    content: '<!-- wp:paragraph --><p>First words</p><!-- /wp:paragraph -->'});
editor.savePost().then(() => done(wp.data.select('core/editor').didPostSaveRequestSucceed()), () => done(false));
"""


@pytest.fixture(scope="module")
def browser():
    with chrome(width=1400, height=1000) as driver:
        driver.set_script_timeout(PAGE_SECONDS)
        yield driver


def check_page(browser, shown):
    """The page is the site's own, without a word of PHP, and the browser has nothing to complain of."""
    assert browser.current_url.startswith(shown["shop_url"])
    assert "on line <b>" not in browser.page_source and "critical error" not in browser.page_source
    assert not [line for line in complaints(browser) if line.startswith(shown["shop_url"])]


@pytest.mark.sampled(of=3, rests=True)
def test_a_visitor_reads_a_post_sees_its_picture_and_finds_it_by_searching(browser, pair):
    _, shown = pair[0]
    browser.get(shown["shop_url"])
    check_page(browser, shown)
    browser.find_element(By.LINK_TEXT, "Saffron garden").click()
    wait_for(browser, expected.url_to_be(shown["shop_url"] + "saffron-garden/"))
    check_page(browser, shown)
    picture = browser.find_element(By.CSS_SELECTOR, ".wp-block-image img")
    wait_for(browser, lambda driver: driver.execute_script("return arguments[0].naturalWidth", picture) > 0)
    assert picture.get_attribute("src").startswith(shown["shop_url"])
    browser.get(shown["shop_url"] + "?s=saffron")
    check_page(browser, shown)
    assert browser.find_elements(By.LINK_TEXT, "Saffron garden")


@pytest.mark.sampled(of=3, rests=True)
def test_the_owner_signs_in_and_saves_a_post_that_visitors_see(browser, sites, pair):
    job, shown = pair[1]
    browser.get(shown["admin_url"])
    # A moment after the page is there its script moves the cursor there and selects what has been typed
    wait_for(browser, lambda driver: driver.switch_to.active_element.get_attribute("id") == "user_login")
    browser.find_element(By.ID, "user_login").send_keys(f"{job['account']}@example.com")
    browser.find_element(By.ID, "user_pass").send_keys(sites.password(job))
    browser.find_element(By.ID, "wp-submit").click()
    wait_for(browser, expected.presence_of_element_located((By.ID, "wpadminbar")))
    check_page(browser, shown)
    assert "Dana" in browser.find_element(By.ID, "wp-admin-bar-my-account").text
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("dir") == "rtl"
    browser.get(shown["admin_url"] + "post-new.php")
    ready = "return !!(window.wp && wp.data && wp.data.select('core/editor')?.getCurrentPostId())"
    wait_for(browser, lambda driver: driver.execute_script(ready))
    assert browser.execute_async_script(SAVE, TITLE)
    # Away from the editor first: it would go on asking for a session that is over
    browser.get("about:blank")
    browser.delete_all_cookies()
    browser.get(shown["shop_url"])
    check_page(browser, shown)
    assert browser.find_elements(By.LINK_TEXT, TITLE)
