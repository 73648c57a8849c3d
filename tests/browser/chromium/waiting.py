"""Reading pages that change while they are read: waiting until they show what they should."""

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.chromium.chrome import ABORTED

WAIT_SECONDS = 180


def until(driver, condition):
    """Wait until `condition()` is true, and no element it looks at has just been replaced; return what it returned."""
    wait = WebDriverWait(driver, WAIT_SECONDS, 0.1, [NoSuchElementException, StaleElementReferenceException])
    return wait.until(lambda _driver: condition())


def wait_for(driver, condition):
    """Wait until `condition(driver)` holds, such as one of Selenium's; return what it returned."""
    return until(driver, lambda: condition(driver))


def text_of(driver, selector):
    """Return the text of the first element that matches, once there is one."""
    return until(driver, lambda: (driver.find_element(By.CSS_SELECTOR, selector).text,))[0]


def attribute_of(driver, selector, name):
    """Return an attribute of the first element that matches, once there is one."""
    return until(driver, lambda: (driver.find_element(By.CSS_SELECTOR, selector).get_attribute(name),))[0]


def shows(driver, selector, text):
    """Wait until the first element that matches has exactly this text."""
    until(driver, lambda: driver.find_element(By.CSS_SELECTOR, selector).text == text)


def click(driver, by, what):
    """Click the element, once there is one that stays long enough."""
    until(driver, lambda: _clicked(driver.find_element(by, what)))


def _clicked(element):
    try:
        element.click()
    except StaleElementReferenceException as error:
        # It has led to another page, which came before the driver's answer
        if ABORTED not in error.msg:
            raise
    return True
