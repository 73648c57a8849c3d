"""One cPanel server for all tests here, and what they call it with."""

import pytest

from tests.fakes.whm.fixtures import server as server
from tests.fakes.whm.fixtures import whm as whm
from tests.integration.cpanel.whm_client import Client


@pytest.fixture
def client(whm):
    """A client with root's token."""
    return Client(whm)


@pytest.fixture
def user(whm):
    """The name of an account of its own."""
    return whm.add_account().user
