"""Where a new shop and its back office are found."""

import pytest

from controller.jobs.shop import values


@pytest.mark.parametrize(
    ("folder", "address"),
    [
        ("admin742", "http://a.test/admin742/"),
        ("index.php/login", "http://a.test/index.php/login/"),
        ("", "http://a.test/"),
    ],
)
def test_the_back_office_is_a_path_below_the_shop_or_the_shop_itself(folder, address):
    known = {"scheme": "http", "domain": "a.test", "base_uri": "/", "admin_folder": folder}
    assert values.admin_url(known) == address
