"""The picture at the top of the README: the page of a job that was really done."""

from pathlib import Path

from selenium.webdriver.common.by import By

from tests.browser.chromium.chrome import chrome
from tests.browser.chromium.waiting import until
from tests.support import leftovers
from tests.support.worlds.whole import Whole

PICTURE = Path(__file__).with_name("job-page.png")
WIDTH, HEIGHT = 1400, 1280
#: Says nothing about the machine on which the picture is made.
DOMAIN = "alice-teas.localhost"


def take(whole):
    """Write the operator's page of a job of `whole` that lives."""
    job = whole.order(domain=DOMAIN)
    whole.live(job)
    with chrome(WIDTH, HEIGHT) as driver:
        driver.get(f"{whole.world.url}/admin/login")
        driver.find_element(By.NAME, "user").send_keys(whole.operator["user"])
        driver.find_element(By.NAME, "password").send_keys(whole.operator["password"])
        driver.find_element(By.NAME, "password").submit()
        until(driver, lambda: not driver.find_elements(By.NAME, "password"))
        driver.get(f"{whole.world.url}/admin/jobs/{job['id']}")
        PICTURE.write_bytes(driver.get_screenshot_as_png())


if __name__ == "__main__":
    with leftovers.noted_run():
        whole = Whole()
        try:
            take(whole.start())
        finally:
            whole.remove()
    print(f"{PICTURE.name} is written.")
