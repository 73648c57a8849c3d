"""A page that keeps itself fresh leaves alone what somebody has opened, writes, has marked or stands on."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.attacks.table import attack
from tests.browser.chromium.chrome import chrome, complaints
from tests.browser.chromium.waiting import until
from tests.browser.pages.test_operator_pages import sign_in

pytestmark = pytest.mark.browser
#: From now on the part is as the test says, and each look at the server is counted.
SERVE = """
window.looks = 0;
window.served = arguments[0];
window.asked = [];
window.fetch = async (_address, options) => {
  window.looks += 1;
  window.asked.push(new Headers(options.headers).get("X-Shoplaunch-Live"));
  return new Response(`<!doctype html><main>${window.served}</main>`, { headers: { "Content-Type": "text/html" } });
};
"""
SIGNED_OUT = """
window.looks = 0;
window.fetch = async () => { window.looks += 1; return { type: "opaqueredirect", ok: false }; };
"""
RESET = """
window.untouched = true;
document.querySelector("#job form").reset();
document.activeElement.blur();
"""
PART = '<div class="stack" id="job" data-live="/somewhere" data-every="1" tabindex="-1">{}</div>'
FORM = '<form><label>Word <input name="word"></label><button id="send">Send</button></form>'


@pytest.fixture(scope="module")
def driver(site):
    with chrome() as driver:
        sign_in(site, driver)
        yield driver
        assert complaints(driver) == []


@pytest.fixture
def page(site, driver):
    """A job's page whose live part the test serves."""
    driver.get(f"{site.url}/admin/jobs/{site.order().id}")
    driver.execute_script(SERVE, PART.format("<p>before</p>"))
    return driver


def serve(page, content, every="1"):
    """Serve `content`; return when it was looked at and dealt with."""
    page.execute_script("window.served = arguments[0]", PART.format(content).replace('every="1"', f'every="{every}"'))
    looks = page.execute_script("return window.looks")
    # Of the second look from now on the first is through
    until(page, lambda: page.execute_script("return window.looks") >= looks + 2)


def text(page):
    return page.find_element(By.ID, "job").text


def focused(page):
    return page.execute_script("return document.activeElement.id || document.activeElement.name")


@pytest.mark.sampled(of=3, rests=True)
def test_what_differs_is_changed_and_nothing_else(page):
    serve(page, '<p id="a">one</p><p id="b">two</p>')
    kept = page.find_element(By.ID, "b")
    serve(page, '<p id="c">new</p><p id="b">two</p><p id="a">1</p>')
    assert text(page).split() == ["new", "two", "1"]
    # The very same element
    assert kept.text == "two"
    serve(page, "<p>after</p>")
    assert text(page) == "after"


def test_its_checks_say_that_nobody_requested_them(page):
    serve(page, "<p>after</p>")
    assert set(page.execute_script("return window.asked")) == {"1"}


@attack(
    "an operator writes a password into a form of a page that keeps itself fresh",
    "form, words and focus stay while the rest of the page is renewed",
)
def test_what_is_being_written_stays_with_its_focus(page):
    serve(page, "<p>before</p>" + FORM)
    field = page.find_element(By.NAME, "word")
    field.send_keys("correct horse")
    page.execute_script("arguments[0].setSelectionRange(2, 5)", field)
    for content in ("<p>after</p>" + FORM, "<p>after</p>" + FORM.replace("Word", "Another word"), "<p>after</p>"):
        serve(page, content)
        assert text(page).startswith("after")
        # Its own words do not change below who writes in it either
        assert "Another word" not in text(page)
        assert (field.get_attribute("value"), focused(page)) == ("correct horse", "word")
        assert page.execute_script("return [arguments[0].selectionStart, arguments[0].selectionEnd]", field) == [2, 5]
    # Written, and left for a moment
    page.execute_script("document.activeElement.blur()")
    serve(page, "<p>later</p>")
    assert field.get_attribute("value") == "correct horse"
    page.execute_script("arguments[0].value = ''", field)
    serve(page, "<p>last</p>")
    assert text(page) == "last"


@attack("an operator opens a fold of a page that keeps itself fresh", "it stays open, and the rest is renewed")
def test_what_was_opened_stays_open(page):
    fold = "<details><summary>More</summary><p>{}</p></details>"
    serve(page, "<p>before</p>" + fold.format("inside"))
    page.find_element(By.CSS_SELECTOR, "#job summary").click()
    for content in ("<p>after</p>" + fold.format("inside"), "<p>after</p>"):
        serve(page, content)
        assert text(page).split() == ["after", "More", "inside"]
    page.find_element(By.CSS_SELECTOR, "#job summary").click()
    serve(page, "<p>last</p>")
    assert text(page) == "last"


@attack(
    "somebody goes through a page that keeps itself fresh by keyboard, and rows move or go",
    "the focus stays on its row, or on the part the row was in",
)
def test_who_uses_a_keyboard_stays_where_they_are(page):
    rows = [f'<tr data-job="{name}"><td><a id="{name}" href="/admin/jobs">{name}</a></td></tr>' for name in "abc"]
    table = "<table><tbody>{}</tbody></table>"
    serve(page, table.format("".join(rows)))
    page.execute_script("document.getElementById('b').focus()")
    for order in ("bca", "cab", "acb", "b"):
        serve(page, table.format("".join(rows["abc".index(name)] for name in order)))
        assert (text(page).split(), focused(page)) == (list(order), "b")
    # The row is gone: the next key goes on from the part, not from the top of the page
    serve(page, table.format(rows[0]))
    assert focused(page) == "job"


def test_what_is_marked_stays_marked(page):
    lines = "<p>{}</p><p>kept <b>together</b></p><p>{}</p>"
    serve(page, lines.format("one", "two"))
    page.execute_script("getSelection().selectAllChildren(document.querySelectorAll('#job p')[1])")
    serve(page, lines.format("three", "four").replace("kept", "changed"))
    assert text(page).split() == ["three", "kept", "together", "four"]
    assert page.execute_script("return getSelection().toString()") == "kept together"
    page.execute_script("getSelection().removeAllRanges()")
    serve(page, lines.format("three", "four").replace("kept", "changed"))
    assert text(page).split() == ["three", "changed", "together", "four"]


def test_nobody_is_taken_to_another_place_of_the_page(page):
    line = '<p class="line">{}</p>'
    serve(page, "".join(line.format(number) for number in range(200)))
    page.execute_script("window.scrollTo(0, 1500)")
    serve(page, "".join(line.format(f"again {number}") for number in range(200)))
    assert page.execute_script("return Math.round(scrollY)") == 1500


@pytest.mark.sampled(of=2, rests=True)
def test_a_page_is_held_still_on_request_also_by_keyboard(page):
    serve(page, "<p>before</p>")
    pause = page.find_element(By.ID, "pause")
    pause.send_keys(Keys.SPACE)
    assert pause.get_attribute("aria-pressed") == "true"
    # A look that was under way is through before the next is counted
    page.execute_async_script("setTimeout(arguments[0], 2000)")
    page.execute_script("window.looks = 0; window.served = arguments[0]", PART.format("<p>after</p>"))
    page.execute_async_script("setTimeout(arguments[0], 3500)")
    assert (text(page), page.execute_script("return window.looks")) == ("before", 0)
    pause.send_keys(Keys.SPACE)
    until(page, lambda: text(page) == "after")


def test_who_was_signed_out_meanwhile_keeps_what_they_write(site, page):
    serve(page, FORM)
    page.find_element(By.NAME, "word").send_keys("correct horse")
    page.execute_script(SIGNED_OUT)
    # Nothing is counted any more on a page that was left for the login
    until(page, lambda: page.execute_script("return window.looks ?? 2") >= 2)
    assert page.find_elements(By.NAME, "word"), "the page was left"
    assert page.find_element(By.NAME, "word").get_attribute("value") == "correct horse"
    page.execute_script(RESET)
    until(page, lambda: not page.execute_script("return window.untouched"))
