"""No page keeps anybody out: axe-core finds nothing in any page, state, language, width and colour scheme."""

import base64
from functools import cache

import pytest
from werkzeug.exceptions import HTTPException

from controller.access import operators
from controller.access.actor import command_line
from controller.jobs.agent_link.holding_page import holding_page
from controller.settings.loading import load_config
from controller.setup import installation
from controller.web.app import create_app
from controller.web.support import labels
from controller.web.support.i18n import COOKIE
from tests.attacks.table import attack
from tests.browser import access_states, client_states, upkeep_states  # noqa: F401 - they register their states
from tests.browser.chromium.axe import barriers
from tests.browser.chromium.chrome import chrome
from tests.browser.chromium.folds import folded
from tests.browser.chromium.waiting import until
from tests.browser.states import JOBS, LOOKER, STATES
from tests.support.worlds.web_site import OPERATOR, PASSWORD, Site

pytestmark = pytest.mark.browser
LANGUAGES = ("en", "fa")
TIMEOUT = 120
#: What answers GET and is for programs, or leads to a page. Each is asked, and none may answer with a page.
NO_PAGES = {
    "static": "/static/icon.svg",
    "home": "/",
    "admin.home": "/admin/",
    "ops.healthz": "/healthz",
    "ops.readyz": "/readyz",
    "ops.metrics": "/metrics",
    "orders.show": "/api/v1/services/1",
    "bundles.send": "/api/v1/agent/bundle/x",
    "openapi.show": "/api/v1/openapi.json",
}
_STATUS = "return performance.getEntriesByType('navigation')[0].responseStatus"


@pytest.fixture(scope="module")
def empty_site():
    """A controller that has nothing to show yet."""
    with Site() as running:
        yield running.start()


@pytest.fixture(scope="module")
def sites(site, empty_site):
    """Both controllers, each with an operator who may do everything and one who may look."""
    for one in (site, empty_site):
        config = load_config(one.environment)
        installation.set_operator(config, LOOKER, PASSWORD)
        operators.set_role(command_line(config), LOOKER, "look")
    return {False: site, True: empty_site}


@pytest.fixture(scope="module")
def driver():
    with chrome() as driver:
        yield driver


@pytest.fixture(scope="module")
def application(site):
    return create_app(load_config(site.environment), site.service)


@pytest.fixture(scope="module")
def sessions(sites):
    """A function: (site, user) -> their session's cookies."""
    return cache(lambda site, user: list(site.signed_in(user).cookies))


def enter(site, driver, cookies, language):
    """The browser is signed in by `cookies`, and its operator has chosen `language`."""
    driver.get(site.url + "/healthz")
    driver.delete_all_cookies()
    for cookie in cookies:
        driver.add_cookie({"name": cookie.name, "value": cookie.value, "path": cookie.path})
    driver.add_cookie({"name": COOKIE, "value": language, "path": "/"})


def endpoint_of(application, url):
    """Return the endpoints that answer at `url`."""
    path = url.split("?")[0]
    path = "/" + path.split("/", 3)[3]
    found = set()
    for method in ("GET", "POST"):
        try:
            found.add(application.url_map.bind("").match(path, method=method)[0])
        except HTTPException:
            continue
    return found


@pytest.mark.sampled(of=2, each=("name",))
@attack(
    "somebody uses a page by keyboard or screen reader, on a telephone, in the dark, or sees little",
    "axe-core finds nothing wrong in any page, state, language, width and colour scheme",
)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", STATES)
def test_nothing_in_a_page_keeps_anybody_out(sites, sessions, driver, application, name, language):
    state = STATES[name]
    site = sites[state.empty]
    enter(site, driver, sessions(site, state.user), language)
    try:
        state.open(site, driver)
        until(driver, lambda: driver.execute_script(_STATUS) == state.status)
    finally:
        site.forget_failed_logins()
    # The page that is meant, not the login instead of it
    assert state.endpoint is None or state.endpoint in endpoint_of(application, driver.current_url)
    assert driver.execute_script("return document.documentElement.lang") == language
    found = barriers(driver)
    assert found == [], "\n".join(found)
    assert folded(driver) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_in_the_page_of_a_shop_that_opens_soon_keeps_anybody_out(driver, language):
    page = holding_page(language, "shop").encode()
    driver.get("data:text/html;charset=utf-8;base64," + base64.b64encode(page).decode())
    assert driver.execute_script("return document.documentElement.lang") == language
    found = barriers(driver)
    assert found == [], "\n".join(found)


def test_every_page_has_its_state_here(application):
    pages = {rule.endpoint for rule in application.url_map.iter_rules() if "GET" in rule.methods}
    tried = {state.endpoint for state in STATES.values()}
    assert pages - set(NO_PAGES) - tried == set(), "a page without its state in tests/browser/*states.py"
    assert set(NO_PAGES) <= pages
    assert set(labels.STATES) <= set(JOBS), "a job's state without a job here"


@pytest.mark.parametrize("endpoint", NO_PAGES)
def test_what_counts_as_no_page_is_none(site, endpoint):
    answer = site.signed_in(OPERATOR).get(site.url + NO_PAGES[endpoint], timeout=TIMEOUT, allow_redirects=False)
    assert answer.is_redirect or "html" not in answer.headers["Content-Type"]
