"""One cPanel server for all tests of this folder."""

import pytest

from tests.integration.cpanel_live.shops import Shops


@pytest.fixture(scope="package")
def shops(whole):
    """A whole Shoplaunch and a cPanel server it does not know yet (tests.integration.cpanel_live.shops.Shops)."""
    with Shops(whole) as made:
        yield made
