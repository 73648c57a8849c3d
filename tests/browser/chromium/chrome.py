"""A headless Chromium for tests: no traffic of its own, its profile gone afterwards."""

import contextlib
import os
import shutil
import tempfile

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.errorhandler import ErrorHandler

from controller.panels.local.private_stack.stack import free_port

#: The second where there is no such package (Ubuntu). A snap would not see the profile.
BROWSERS = ("/usr/bin/chromium", "/usr/bin/google-chrome")
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)
PAGE_LOAD_SECONDS = 180
#: What chromedriver says now and then, as an "unknown error", of an element whose page is just being left.
ABORTED = "aborted by navigation"
STALE = ("Node with given id does not belong to the document", "No node with given id found", ABORTED)


class StaleIsStale(ErrorHandler):
    """Tells an element of a page that was left as one, whichever words chromedriver has for it."""

    def check_response(self, response):
        """Raise what `response` says; do nothing if that is a success."""
        try:
            super().check_response(response)
        except WebDriverException as error:
            if any(words in (error.msg or "") for words in STALE):
                raise StaleElementReferenceException(error.msg, error.screen, error.stacktrace) from error
            raise


@contextlib.contextmanager
def chrome(width=1280, height=900, resolve=None, javascript=True, language="en"):
    """Yield a driver whose window is `width` x `height` pixels.

    `resolve` maps host names to addresses ("127.0.0.1" or "127.0.0.1:8080"); `javascript=False` switches scripts off.
    Skips where there is no browser.
    """
    browser = next(filter(os.path.exists, BROWSERS), None)
    chromedriver = shutil.which("chromedriver")
    if browser is None or chromedriver is None:
        pytest.skip("no Chromium with its chromedriver (on Ubuntu: install Google Chrome and its chromedriver by hand)")
    profile = tempfile.mkdtemp(prefix="shoplaunch-chrome-")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for switch in (*SWITCHES, f"--user-data-dir={profile}", f"--window-size={width},{height}", f"--lang={language}"):
        options.add_argument(switch)
    if resolve:
        rules = ",".join(f"MAP {host} {address}" for host, address in resolve.items())
        options.add_argument(f"--host-resolver-rules={rules}")
    preferences = {"intl.accept_languages": language}
    if not javascript:
        preferences["profile.managed_default_content_settings.javascript"] = 2
    options.add_experimental_option("prefs", preferences)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Working in the profile it belongs to it, and goes with it when the run is killed
    service = Service(chromedriver, port=free_port(), popen_kw={"cwd": profile})
    driver = webdriver.Chrome(service=service, options=options)
    try:
        driver.error_handler = StaleIsStale()
        driver.set_page_load_timeout(PAGE_LOAD_SECONDS)
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        yield driver
    finally:
        driver.quit()
        shutil.rmtree(profile, ignore_errors=True)


def complaints(driver):
    """Return what the browser's console said at level SEVERE since the last call."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
