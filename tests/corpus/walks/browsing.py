"""One page in the browser: what answered, what PHP said, which pictures are broken, what the console complains of."""

import contextlib
import re
import time
from urllib.parse import unquote, urlsplit

from selenium.common.exceptions import (
    JavascriptException,
    NoAlertPresentException,
    TimeoutException,
    WebDriverException,
)
from selenium.webdriver.common.by import By

from tests.browser.chromium.chrome import complaints
from tests.corpus.shops import FAILED, PASSED

PHP_SAYS = re.compile(
    r"<b>(?:Warning|Notice|Deprecated|Fatal error|Parse error|Strict Standards)</b>:|Uncaught \w*(?:Error|Exception)\b|"
    r"(?:Warning|Notice|Deprecated|Fatal error): .{1,300} on line \d+|Stack trace:|An Error Occurred: |"
    r"There has been a critical error|Error establishing a database|\[PrestaShopException\]|PHP died"
)
#: What a page says when it needs a server of somebody else's.
UNREACHABLE = re.compile(r"getaddrinfo|Could not resolve host|Failed to connect to|cURL error (?:6|7|28)\b")
UNLOADED = "Failed to load resource: the server responded with"
#: What an application's own interface answers to who may not ask, or about what is not installed.
REFUSED = re.compile(r"/wp-json/\S* - .*status of 40[134]\b")
STATUS = "const [one] = performance.getEntriesByType('navigation'); return one ? one.responseStatus : 0;"
#: The pictures of this host that are there, and those that are not, once the page has been scrolled through. A hidden
#: one without an address is a place for one.
PICTURES = """
const source = one => one.currentSrc || one.src;
const isThere = one => one.currentSrc || one.getAttribute('src') || one.getClientRects().length;
const own = [...document.images].filter(isThere).filter(one => { try {
  return source(one) && new URL(source(one)).host === location.host; } catch (problem) { return false; } });
own.forEach(one => { one.loading = 'eager'; });
window.scrollTo(0, document.body ? document.body.scrollHeight : 0);
return [own.filter(one => one.complete && one.naturalWidth > 0).map(source),
        own.filter(one => !one.complete).map(source),
        own.filter(one => one.complete && one.naturalWidth === 0).map(source)];
"""
LOAD_SECONDS = 120
PICTURE_SECONDS = 20
ABSENT = "absent"
SHOWN = 8


class Page:
    """What a visit found; `faults` are why it is not as it should be."""

    def __init__(self, url):
        self.url, self.status, self.title, self.source = url, 0, "", ""
        self.pictures, self.broken, self.console, self.faults = [], [], [], []
        #: Pictures that are broken in the template, too.
        self.lacking = []

    def row(self, name, **more):
        """Return the evidence of this page as the step `name`; a text where only others are to blame."""
        state = FAILED if self.faults else PASSED
        row = {"step": name, "state": state, "url": self.url, "status": self.status, "pictures": len(self.pictures)}
        if self.faults and UNREACHABLE.search(self.source + self.title):
            return f"asks a server of others, which cannot be reached here: {self.title[:120]}"
        if self.faults:
            row["text"] = re.sub(r"\s+", " ", re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", self.source, flags=re.S))[
                :600
            ]
            row["bytes"] = len(self.source)
        row |= {
            "faults": self.faults,
            "broken": self.broken[:SHOWN],
            "console": self.console[:SHOWN],
            "lacking in the template": self.lacking[:SHOWN],
        }
        return row | more


class Visitor:
    """Visits the pages of one shop."""

    def __init__(self, driver, shop_url, template_lacks=None):
        """`template_lacks` tells whether the template has no file for a path of the shop either."""
        self.driver, self.shop_url = driver, shop_url
        self._template_lacks = template_lacks or (lambda path: False)
        driver.set_page_load_timeout(LOAD_SECONDS)

    def open(self, path, allowed=(200,)):
        """Visit `path` of the shop, or a whole address; return the Page."""
        url = path if "://" in path else self.shop_url + path.lstrip("/")
        page = Page(url)
        complaints(self.driver)
        try:
            self.driver.get(url)
        except TimeoutException:
            page.faults.append(f"not loaded after {LOAD_SECONDS} s")
        except WebDriverException as problem:
            page.faults.append(str(problem.msg).splitlines()[0][:200])
            return page
        return self.look(page, allowed)

    def look(self, page=None, allowed=(200,)):
        """Return the Page that is open now, judged."""
        page = page or Page(self.driver.current_url)
        self._dismiss()
        driver = self.driver
        page.status, page.title, page.source = self._ask(STATUS, 0), driver.title, driver.page_source
        if page.status and page.status not in allowed:
            page.faults.append(f"status {page.status}")
        if not driver.current_url.startswith(self.shop_url):
            page.faults.append(f"leads away to {driver.current_url[:120]}")
        said = PHP_SAYS.search(page.source)
        if said:
            page.faults.append(f"PHP says: {page.source[said.start() : said.start() + 300]}")
        page.pictures, broken = self._pictures()
        page.broken = [one for one in broken if not self._lacks(one)]
        page.lacking = [one for one in broken if one not in page.broken]
        if page.broken:
            page.faults.append(f"{len(page.broken)} broken pictures")
        page.console = [line for line in complaints(driver) if line.startswith(self.shop_url) and not _is_icon(line)]
        # A script that fails may want a library of another server
        failed = [
            line for line in page.console if UNLOADED in line and not line.startswith(page.url.split("#")[0] + " ")
        ]
        failed = [line for line in failed if not REFUSED.search(line) and not self._lacks(line.partition(" ")[0])]
        if failed:
            page.faults.append(f"the console complains: {failed[0][:300]}")
        return page

    def all(self, selector):
        """Return the elements that match `selector`."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def first(self, selector):
        """Return the first element that matches and is shown, else the first one, None without any."""
        found = self.all(selector)
        return next((one for one in found if one.is_displayed()), found[0] if found else None)

    def click(self, element):
        """Click as a script does: nothing may lie above."""
        self.driver.execute_script("arguments[0].click()", element)

    def fill(self, element, text):
        """Write `text` into a field."""
        script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}));"
        self.driver.execute_script(script, element, text)

    def submit(self, field):
        """Send the form the field belongs to; return when the next page is there."""
        self._ask("arguments[0].setAttribute('data-before', '')", None, self.driver.find_element(By.TAG_NAME, "html"))
        self._ask("arguments[0].form.submit()", None, field)
        self.until(
            lambda: not self.all("html[data-before]") and self._ask("return document.readyState", "") == "complete"
        )

    def until(self, condition, seconds=30):
        """Wait until `condition()` holds; return what it returned, None when it never did."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if found := condition():
                    return found
            except WebDriverException:
                pass
            time.sleep(0.2)
        return None

    def forget(self):
        """Nobody is signed in."""
        self.driver.get("about:blank")
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})

    def links(self, selector, mark):
        """Return the addresses of the links that match `selector` and hold `mark`, each once."""
        script = "return [...document.querySelectorAll(arguments[0])].map(one => one.href);"
        found = [one for one in self._ask(script, [], selector) if one and mark in one and "#" not in one]
        return list(dict.fromkeys(found))

    def is_picture(self, url):
        """Return whether the address of a picture that is not loaded yet answers with one."""
        script = "const one = new XMLHttpRequest(); one.open('GET', arguments[0], false); one.send();"
        script += "return one.status + ' ' + one.getResponseHeader('content-type');"
        return self._ask(script, "", url).startswith("200 image/")

    def _lacks(self, url):
        path = unquote(urlsplit(url).path)
        base = urlsplit(self.shop_url).path
        return path.startswith(base) and self._template_lacks(path.removeprefix(base))

    def _pictures(self):
        deadline = time.monotonic() + PICTURE_SECONDS
        good, waiting, broken = self._ask(PICTURES, ([], [], []))
        while waiting and time.monotonic() < deadline:
            time.sleep(0.2)
            good, waiting, broken = self._ask(PICTURES, ([], [], []))
        return good, [*broken, *waiting]

    def _ask(self, script, default, *values):
        try:
            return self.driver.execute_script(script, *values)
        except (JavascriptException, TimeoutException):
            return default

    def _dismiss(self):
        with contextlib.suppress(NoAlertPresentException):
            self.driver.switch_to.alert.dismiss()


def _is_icon(line):
    """Browsers ask every host for one."""
    return "/favicon.ico" in line


def spread(found, most):
    """Return at most `most` of `found`, spread evenly over it."""
    step = max(1, len(found) / most)
    places = [int(number * step) for number in range(most)]
    return list(dict.fromkeys(found[place] for place in places if place < len(found)))
