"""The administrator's password reaches the account only as what the application stores of it."""

import hashlib
import math

import bcrypt
import pytest

from controller.jobs.shop import password_formats, shop_secrets, values
from shared.errors import ShoplaunchError


def manifest(version):
    keys = [{"name": "secret.cookie_key", "format": "alnum", "length": 56}]
    return {"application": {"name": "prestashop", "version": version}, "secrets": keys}


def test_1_6_gets_the_md5_of_its_new_key_and_the_password():
    made = values.make_private_values(manifest("1.6.1.24"))
    keyed = made["secret.cookie_key"] + made["admin.password"]
    assert made["admin.password_hash"] == hashlib.md5(keyed.encode()).hexdigest()
    assert len(made["secret.cookie_key"]) == 56


@pytest.mark.parametrize("version", ["1.7.8.11", "8.2.1", "9.1.4"])
def test_later_series_get_bcrypt(version):
    made = values.make_private_values(manifest(version))
    assert bcrypt.checkpw(made["admin.password"].encode(), made["admin.password_hash"].encode())


@pytest.mark.parametrize("version", ["1.7.8.11", "9.1.4"])
def test_only_a_random_password_of_the_controllers_own_is_kept_at_a_low_cost(version):
    made = values.make_private_values(manifest(version))
    assert bits(made["admin.password"]) > 90
    assert made["admin.password_hash"].startswith("$2b$05$")
    chosen = password_formats.hashed("a word I like", password_formats.format_of(manifest(version)), {})
    assert chosen.startswith("$2b$10$")


def bits(password):
    """Return how many bits of chance are in a password of readable letters and digits."""
    assert set(password) <= set(shop_secrets.READABLE)
    return len(password) * math.log2(len(shop_secrets.READABLE))


def test_nothing_is_guessed_for_an_application_whose_recipe_is_not_here():
    with pytest.raises(ShoplaunchError) as caught:
        values.make_private_values({"application": {"name": "elsewhere", "version": "1"}, "secrets": []})
    assert caught.value.code == "recipe_missing"
