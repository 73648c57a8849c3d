"""One running controller for each module of tests in a browser."""

import pytest

from tests.support.worlds.web_site import Site


@pytest.fixture(scope="module")
def site():
    """A controller behind gunicorn (tests.support.worlds.web_site.Site)."""
    with Site() as running:
        yield running.start()
