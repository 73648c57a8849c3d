"""Reading pages that change while they are read: waiting until they show what they should."""

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

WAIT_SECONDS = 180


def until(driver, condition):
    """Wait until `condition()` is true, and no element it looks at has just been replaced; return what it returned."""
    wait = WebDriverWait(driver, WAIT_SECONDS, 0.1, [NoSuchElementException, StaleElementReferenceException])
    return wait.until(lambda _driver: condition())


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
    until(driver, lambda: (driver.find_element(by, what).click(),))
