"""One WHM double for all tests here; every test finds it without quirks and without recorded calls."""

import pytest

from tests.fakes.whm import Quirks, WhmDouble
from tests.integration.cpanel.whm_client import Client


@pytest.fixture(scope="package")
def whm_server():
    """The running double."""
    with WhmDouble() as double:
        yield double


@pytest.fixture
def whm(whm_server):
    """The double as a fresh server behaves; the test fails when the protocol was violated."""
    whm_server.quirks = Quirks()
    whm_server.calls.clear()
    whm_server.violations.clear()
    whm_server.unlock()
    yield whm_server
    whm_server.quirks = Quirks()
    whm_server.check()


@pytest.fixture
def client(whm):
    """A client with root's token."""
    return Client(whm)


@pytest.fixture
def user(whm):
    """The name of an account of its own."""
    return whm.add_account().user
