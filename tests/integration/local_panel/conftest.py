"""One private server for the tests of the local panel."""

import pytest

from tests.support.servers.local_server import LocalServer


@pytest.fixture(scope="module")
def server():
    """A running LocalServer."""
    server = LocalServer().start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def panel(server):
    """Its panel."""
    return server.panel()
