"""The administrator's password reaches the account only as what the application stores of it."""

import hashlib

import bcrypt
import pytest

from controller.jobs.shop import values
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


def test_nothing_is_guessed_for_an_application_whose_recipe_is_not_here():
    with pytest.raises(ShoplaunchError) as caught:
        values.make_private_values({"application": {"name": "elsewhere", "version": "1"}, "secrets": []})
    assert caught.value.code == "recipe_missing"
