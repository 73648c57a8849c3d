"""Secrets in the exact formats applications want, no two alike."""

import hashlib
import os
import re
import urllib.parse
import uuid

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from controller.jobs.shop import shop_secrets
from shared.errors import ShoplaunchError
from shared.schema import load_schema


def make(**row):
    return shop_secrets.make_all([{"name": "secret.one", **row}])["secret.one"]


def test_every_format_a_manifest_may_name_can_be_made():
    formats = load_schema("manifest")["properties"]["secrets"]["items"]["properties"]["format"]["enum"]
    rows = [{"name": f"secret.{name}", "format": name} for name in formats]
    rows[formats.index("rsa_public")]["pair"] = "secret.rsa_private"
    made = shop_secrets.make_all(rows)
    assert set(made) == {f"secret.{name}" for name in formats}
    assert all(made.values())


def test_a_defuse_key_is_header_random_bytes_and_their_checksum():
    raw = bytes.fromhex(make(format="defuse_key"))
    assert len(raw) == 4 + 32 + 32
    assert raw[:4] == b"\xde\xf0\x00\x00"
    assert raw[36:] == hashlib.sha256(raw[:36]).digest()


def test_an_rsa_pair_belongs_together():
    made = shop_secrets.make_all(
        [
            {"name": "secret.public", "format": "rsa_public", "pair": "secret.private"},
            {"name": "secret.private", "format": "rsa_private"},
        ]
    )
    private = serialization.load_pem_private_key(made["secret.private"].encode(), None)
    public = serialization.load_pem_public_key(made["secret.public"].encode())
    assert private.key_size == 2048
    public.verify(private.sign(b"x", padding.PKCS1v15(), hashes.SHA256()), b"x", padding.PKCS1v15(), hashes.SHA256())


def test_a_public_key_without_its_private_one_is_a_broken_manifest():
    with pytest.raises(ShoplaunchError) as caught:
        make(format="rsa_public", pair="secret.other")
    assert caught.value.code == "manifest_invalid"


@pytest.mark.parametrize(
    ("row", "pattern"),
    [
        ({"format": "alnum", "length": 56}, r"[A-Za-z0-9]{56}"),
        ({"format": "alnum"}, r"[A-Za-z0-9]{32}"),
        ({"format": "hex", "length": 8}, r"[0-9a-f]{8}"),
        ({"format": "folder", "length": 9, "prefix": "admin"}, r"admin[a-z0-9]{9}"),
        ({"format": "password", "length": 20}, r"[A-Za-z0-9]{20}"),
    ],
)
def test_length_alphabet_and_prefix_are_those_asked_for(row, pattern):
    assert re.fullmatch(pattern, make(**row))


def test_a_uuid_is_a_random_one():
    assert uuid.UUID(make(format="uuid")).version == 4


def test_a_database_password_satisfies_servers_that_demand_a_mark_and_is_the_same_in_every_encoding():
    seen = {shop_secrets.database_password() for _ in range(200)}
    assert len(seen) == 200
    for password in seen:
        assert len(password) == 24 and password.isascii() and password[0].isalnum() and password[-1].isalnum()
        assert all(re.search(kind, password) for kind in ("[a-z]", "[A-Z]", "[0-9]", "-"))
        assert urllib.parse.quote(password, safe="") == password


def test_a_password_has_letters_of_both_sizes_and_digits_none_that_look_alike():
    for _ in range(50):
        password = shop_secrets.password()
        assert re.search("[a-z]", password) and re.search("[A-Z]", password) and re.search("[0-9]", password)
        assert not set(password) & set("0O1lI")


def test_an_unknown_format_is_a_broken_manifest():
    with pytest.raises(ShoplaunchError) as caught:
        make(format="rot13")
    assert caught.value.code == "manifest_invalid"


def test_no_two_are_alike():
    made = [make(format="alnum", length=32) for _ in range(100)]
    assert len(set(made)) == 100


def test_fingerprints_distinguish_equal_from_different_and_reveal_no_value():
    salt, other = os.urandom(32), os.urandom(32)
    assert shop_secrets.fingerprint(salt, "s3cret") == shop_secrets.fingerprint(salt, "s3cret")
    assert shop_secrets.fingerprint(salt, "s3cret") != shop_secrets.fingerprint(salt, "s3cres")
    assert shop_secrets.fingerprint(salt, "s3cret") != shop_secrets.fingerprint(other, "s3cret")
    assert re.fullmatch("[0-9a-f]{64}", shop_secrets.fingerprint(salt, "گذرواژه"))
