"""One running controller for all tests of the web, and for some one on each kind of state database."""

from contextlib import ExitStack

import pytest

from controller.db.connection.engine import make_engine
from tests.support.state.state_database import make_tables, new_url
from tests.support.worlds.web_site import Site


@pytest.fixture(scope="package")
def sites(request):
    """Return a function: kind of state database -> the controller behind gunicorn that is on one of it, the same each
    time (tests.support.worlds.web_site.Site)."""
    running = {}
    with ExitStack() as ends:

        def site_on(kind):
            if kind not in running:
                settings = {} if kind == "sqlite" else {"SHOPLAUNCH_DATABASE_URL": new_url(request, None, kind)}
                running[kind] = ends.enter_context(Site(**settings)).start()
            return running[kind]

        yield site_on


@pytest.fixture(scope="package")
def site(sites):
    """A controller behind gunicorn (tests.support.worlds.web_site.Site)."""
    return sites("sqlite")


@pytest.fixture
def engine(request, tmp_path):
    """An engine on a state database that has its tables; a module says of which kinds (indirectly)."""
    made = make_engine(new_url(request, tmp_path, request.param))
    make_tables(made)
    yield made
    made.dispose()


@pytest.fixture
def operator(site):
    """A browser in which the operator has signed in."""
    return site.signed_in()


@pytest.fixture(autouse=True)
def nobody_waits(request):
    """Failed logins of one test keep no other test waiting."""
    running = request.getfixturevalue("site") if "site" in request.fixturenames else None
    yield
    if running is not None:
        running.forget_failed_logins()
