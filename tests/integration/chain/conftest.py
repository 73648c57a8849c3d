"""One chain for all tests of this folder."""

import pytest

from tests.chain import Chain


@pytest.fixture(scope="package")
def chain(whole, mariadb_server):
    """A WHMCS, a whole Shoplaunch, no cPanel server yet (tests.chain.Chain)."""
    with Chain(whole, mariadb_server) as made:
        yield made
