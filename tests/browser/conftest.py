"""One running controller for each module of tests in a browser."""

import pytest

from tests.web_site import Site


@pytest.fixture(scope="module")
def site():
    """A controller behind gunicorn (tests.web_site.Site)."""
    running = Site()
    try:
        yield running.start()
    finally:
        running.stop()
