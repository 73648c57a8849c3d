"""The one cPanel server that the tests of a package share: its `conftest` imports the fixtures."""

import pytest

from tests.fakes.whm.double import WhmDouble
from tests.fakes.whm.quirks import Quirks


@pytest.fixture(scope="package")
def server():
    """One cPanel server for all tests (tests.fakes.whm.double.WhmDouble)."""
    with WhmDouble() as double:
        yield double


@pytest.fixture
def whm(server):
    """The server with its usual habits and no recorded calls; the test fails when the protocol was violated."""
    server.quirks = Quirks()
    server.calls.clear()
    server.violations.clear()
    server.unlock()
    yield server
    server.quirks = Quirks()
    server.check()
