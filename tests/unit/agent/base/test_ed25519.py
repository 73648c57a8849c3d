"""Signatures are judged alike by OpenSSL and by the vendored library, and by either where the other cannot."""

import _ssl
import ctypes
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from agent.base import ed25519
from agent.base.ed25519 import verify

#: RFC 8032, 7.1: TEST 2.
KEY = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
DATA = b"\x72"
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
#: The order of the group: added to a signature's second half, it makes another one for the same text.
ORDER = 2**252 + 27742317777372353535851937790883648493
JUDGES = [ed25519._openssl_accepts, ed25519._ecdsa_accepts, verify]


def altered(data, at):
    return data[: at // 8] + bytes([data[at // 8] ^ 1 << at % 8]) + data[at // 8 + 1 :]


def malleable():
    second = int.from_bytes(SIGNATURE[32:], "little") + ORDER
    return SIGNATURE[:32] + second.to_bytes(32, "little")


@pytest.mark.parametrize("judge", JUDGES)
def test_the_signature_of_the_standard_is_accepted(judge):
    assert judge(KEY, DATA, SIGNATURE)


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize(
    ("key", "data", "signature"),
    [
        (KEY, b"\x73", SIGNATURE),
        (KEY, b"", SIGNATURE),
        (altered(KEY, 9), DATA, SIGNATURE),
        (bytes(32), DATA, SIGNATURE),
        (b"\xff" * 32, DATA, SIGNATURE),
        (KEY, DATA, bytes(64)),
        (KEY, DATA, b"\xff" * 64),
        (KEY, DATA, malleable()),
    ],
    ids=["other data", "no data", "other key", "key 0", "key that is no point", "zeros", "ones", "grown by the order"],
)
def test_what_is_not_the_keys_signature_is_refused(judge, key, data, signature):
    assert not judge(key, data, signature)


@given(st.binary(max_size=200), st.integers(0, 511))
def test_both_judge_alike_whatever_bit_is_another(data, at):
    private = Ed25519PrivateKey.generate()
    key, signature = private.public_key().public_bytes_raw(), private.sign(data)
    for given_signature in (signature, altered(signature, at)):
        assert {judge(key, data, given_signature) for judge in JUDGES} == {given_signature == signature}


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_or_signature_of_another_length_is_refused(length):
    assert not verify(KEY[:length].ljust(length, b"\0"), DATA, SIGNATURE)
    assert not verify(KEY, DATA, SIGNATURE[: 2 * length].ljust(2 * length, b"\0"))


def test_where_openssl_cannot_be_asked_the_library_judges(monkeypatch):
    monkeypatch.setitem(sys.modules, "ctypes", None)
    assert not ed25519._openssl_accepts(KEY, DATA, SIGNATURE)
    assert verify(KEY, DATA, SIGNATURE)
    assert not verify(KEY, DATA, altered(SIGNATURE, 5))


def test_an_openssl_that_does_not_know_such_keys_leaves_them_to_the_library(monkeypatch):
    monkeypatch.setattr(ed25519, "_KIND", 999_999)
    assert not ed25519._openssl_accepts(KEY, DATA, SIGNATURE)
    assert verify(KEY, DATA, SIGNATURE)


def test_an_openssl_that_lies_elsewhere_is_not_looked_for(monkeypatch):
    def none(_path):
        raise OSError("cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", none)
    assert not ed25519._openssl_accepts(KEY, DATA, SIGNATURE)
    assert verify(KEY, DATA, SIGNATURE)


@pytest.mark.parametrize("key", [KEY, altered(KEY, 9), b"\xff" * 32])
def test_what_openssl_noted_about_a_refusal_is_nobody_elses_error(key):
    library = ctypes.CDLL(_ssl.__file__)
    library.ERR_peek_error.restype = ctypes.c_ulong
    assert not verify(key, DATA, altered(SIGNATURE, 5))
    assert library.ERR_peek_error() == 0


def test_where_the_library_went_with_the_archive_nothing_more_is_accepted(monkeypatch):
    monkeypatch.setitem(sys.modules, "ecdsa", None)
    assert verify(KEY, DATA, SIGNATURE)
    assert not verify(KEY, DATA, altered(SIGNATURE, 5))
