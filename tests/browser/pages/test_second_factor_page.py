"""The second factor in a real browser: a QR code that is read as by a camera, in each language, theme and size."""

import base64
import zlib
from urllib.parse import parse_qs, urlsplit

import pytest
from selenium.webdriver.common.by import By

from controller.access import second_factor, totp
from controller.access.actor import Actor
from tests.browser.chromium.chrome import chrome, complaints
from tests.browser.chromium.waiting import click, text_of, until
from tests.browser.pages.test_operator_pages import overflow, sign_in
from tests.support.users.qr_reader import read_image
from tests.support.worlds.web_site import OPERATOR, PASSWORD

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def without_a_factor(site):
    """Each test begins with the password alone."""
    second_factor.end(Actor("test", site.service.installation.engine, lambda: site.service.installation.keys), OPERATOR)
    yield
    site.forget_failed_logins()


def ask(driver, site, language="en"):
    """Go from the jobs to the page with the QR code."""
    driver.get(f"{site.url}/admin/jobs?lang={language}")
    click(driver, By.ID, "account")
    click(driver, By.ID, "begin")
    until(driver, lambda: driver.find_elements(By.NAME, "own_password"))
    driver.find_element(By.NAME, "own_password").send_keys(PASSWORD)
    click(driver, By.ID, "confirm")
    return until(driver, lambda: driver.find_element(By.CSS_SELECTOR, ".qr"))


def picture(driver, element):
    """Return the element as the screen shows it, its margin not taken away (PNG)."""
    size = driver.execute_script(
        "const r = arguments[0].getBoundingClientRect(); return [r.x, r.y, r.width, r.height]", element
    )
    clip = dict(zip(("x", "y", "width", "height"), size, strict=True), scale=1)
    shot = driver.execute_cdp_cmd(
        "Page.captureScreenshot", {"format": "png", "clip": clip, "captureBeyondViewport": True}
    )
    return base64.b64decode(shot["data"])


def colour(driver, element, modules):
    """Return (red, green, blue) of the code on the screen, so many modules from its upper left corner."""
    where = """
        const box = arguments[0].querySelector("svg").getBoundingClientRect();
        const module = box.width / arguments[0].querySelector("svg").viewBox.baseVal.width;
        return [Math.round(box.x + arguments[1] * module), Math.round(box.y + arguments[1] * module)];
    """
    x, y = driver.execute_script(where, element, modules)
    clip = {"x": x, "y": y, "width": 1, "height": 1, "scale": 1}
    shot = driver.execute_cdp_cmd(
        "Page.captureScreenshot", {"format": "png", "clip": clip, "captureBeyondViewport": True}
    )
    data, at, packed = base64.b64decode(shot["data"]), 8, b""
    while at < len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        packed += data[at + 8 : at + 8 + size] if kind == b"IDAT" else b""
        at += size + 12
    # Of a picture's first pixel no filter changes anything
    return tuple(zlib.decompress(packed)[1:4])


def key_on(driver):
    """Return the key as a copy of the text on the page has it."""
    return driver.execute_script(
        "const range = document.createRange(); range.selectNodeContents(document.getElementById('secret'));"
        "getSelection().removeAllRanges(); getSelection().addRange(range); return getSelection().toString()"
    )


@pytest.mark.sampled(of=4, each=("width",))
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "fa"])
@pytest.mark.parametrize("width", [1280, 390])
def test_an_app_reads_the_key_from_the_page(site, language, theme, width):
    with chrome(width=width) as driver:
        media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        sign_in(site, driver)
        code = ask(driver, site, language)
        # Apps read no other: white where nothing is, black in the middle of the corner's mark
        assert (colour(driver, code, 2), colour(driver, code, 7.5)) == ((255, 255, 255), (0, 0, 0))
        address = read_image(picture(driver, code), "png")
        key = key_on(driver)
        assert address == totp.address(key, OPERATOR, "127.0.0.1")
        assert parse_qs(urlsplit(address).query)["secret"] == [key]
        assert code.get_attribute("role") == "img" and code.get_attribute("aria-label")
        assert overflow(driver) <= 0
        # The pages' policy forbids styles within a page: an inline SVG must need none
        assert complaints(driver) == []


@pytest.mark.sampled(of=3, rests=True)
def test_it_is_set_up_and_used_without_scripts(site):
    with chrome(javascript=False) as driver:
        sign_in(site, driver)
        ask(driver, site)
        key = driver.find_element(By.ID, "secret").text.replace("\n", "").replace(" ", "")
        step = int(site.service.now() // totp.STEP_SECONDS)
        driver.find_element(By.NAME, "code").send_keys(totp.code_at(key, step))
        click(driver, By.ID, "confirm")
        codes = until(driver, lambda: [one.text for one in driver.find_elements(By.CSS_SELECTOR, ".codes li")])
        assert len(codes) == totp.RECOVERY_CODES
        click(driver, By.ID, "logout")
        until(driver, lambda: driver.find_elements(By.ID, "login"))
        for given, answer in (("", ".note.bad"), (codes[0], "#logout")):
            driver.find_element(By.NAME, "user").clear()
            for name, text in (("user", OPERATOR), ("password", PASSWORD), ("code", given)):
                driver.find_element(By.NAME, name).send_keys(text)
            click(driver, By.ID, "login")
            until(driver, lambda wanted=answer: driver.find_elements(By.CSS_SELECTOR, wanted))
        driver.get(site.url + "/admin/account")
        assert "Recovery codes left: 9" in text_of(driver, "#factor")


@pytest.mark.sampled(of=3, rests=True)
def test_an_operator_is_changed_without_scripts(site):
    with chrome(javascript=False) as driver:
        sign_in(site, driver)
        driver.get(site.url + "/admin/operators")
        click(driver, By.ID, "add")
        until(driver, lambda: driver.find_elements(By.NAME, "user"))
        driver.find_element(By.NAME, "user").send_keys("omid")
        driver.find_element(By.NAME, "own_password").send_keys(PASSWORD)
        click(driver, By.ID, "confirm")
        until(driver, lambda: driver.find_elements(By.CSS_SELECTOR, ".secret"))
        driver.get(site.url + "/admin/operator/omid")
        click(driver, By.CSS_SELECTOR, "a[data-change=remove]")
        until(driver, lambda: driver.find_elements(By.NAME, "own_password"))
        driver.find_element(By.NAME, "own_password").send_keys(PASSWORD)
        click(driver, By.ID, "confirm")
        until(driver, lambda: driver.find_elements(By.CSS_SELECTOR, "tr[data-user]"))
        assert [row.get_attribute("data-user") for row in driver.find_elements(By.CSS_SELECTOR, "tr[data-user]")] == [
            OPERATOR
        ]
