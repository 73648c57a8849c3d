"""One running controller for all tests of the web."""

import pytest

from tests.support.worlds.web_site import Site


@pytest.fixture(scope="session")
def site():
    """A controller behind gunicorn (tests.support.worlds.web_site.Site)."""
    with Site() as running:
        yield running.start()


@pytest.fixture
def operator(site):
    """A browser in which the operator has signed in."""
    return site.signed_in()


@pytest.fixture(autouse=True)
def nobody_waits(request):
    """Failed logins of one test keep no other test waiting."""
    yield
    if "site" in request.fixturenames:
        request.getfixturevalue("site").forget_failed_logins()
