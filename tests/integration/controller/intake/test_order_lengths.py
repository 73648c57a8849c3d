"""Texts longer than the application's columns are refused before anything is made."""

import pytest

from shared.errors import ShoplaunchError


@pytest.fixture
def prestashop(world):
    return world.add_bundle("prestashop", application={"name": "prestashop", "version": "8.2.1"})


def test_a_shop_name_longer_than_its_column_is_refused(world, prestashop):
    with pytest.raises(ShoplaunchError, match="shop_name is longer than 64"):
        world.order(bundle="prestashop", shop_name="x" * 65)
    assert world.order(bundle="prestashop", shop_name="ف" * 64).order["shop_name"] == "ف" * 64


def test_a_shop_without_a_name_gets_the_beginning_of_its_long_domain(world, prestashop):
    domain = "a" * 60 + ".example.com"
    job = world.order(bundle="prestashop", domain=domain, shop_name="")
    assert job.order["shop_name"] == domain[:64]


def test_an_address_longer_than_the_column_of_the_administrators_is_refused(world):
    world.add_bundle("blog", application={"name": "wordpress", "version": "6.8.12"})
    long = "o" * 60 + "@" + "d" * 29 + ".example.com"
    assert len(long) == 102
    with pytest.raises(ShoplaunchError, match="email is longer than 100"):
        world.order(bundle="blog", email=long)
    assert world.order(bundle="blog", email=long[2:]).email == long[2:]
