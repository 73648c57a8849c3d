"""Signatures: bound to one purpose, one key list, one validity."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.errors import ShoplaunchError
from shared.signing import CLOCK_TOLERANCE_SECONDS, check_validity, load_signed, serializer


def sign(key, data):
    return Ed25519PrivateKey.from_private_bytes(key).sign(data)


def verify(key, data, signature):
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, data)
    except InvalidSignature:
        return False
    return True


def pair():
    private = Ed25519PrivateKey.generate()
    return private.private_bytes_raw(), private.public_key().public_bytes_raw()


OLD, NEW, FOREIGN = pair(), pair(), pair()
PAYLOAD = {"job": "j1", "text": "سلام"}


def signed(purpose="job", keys=(OLD, NEW)):
    return serializer(purpose, [private for private, _ in keys], sign=sign).dumps(PAYLOAD)


def test_a_document_signed_with_the_newest_key_is_read():
    assert load_signed("job", [OLD[1], NEW[1]], signed(), verify) == PAYLOAD


def test_a_document_signed_before_a_rotation_is_still_read():
    assert load_signed("job", [OLD[1], NEW[1]], signed(keys=(OLD,)), verify) == PAYLOAD


@pytest.mark.parametrize("public", [[], [FOREIGN[1]], [OLD[1]]])
def test_a_document_of_another_key_is_refused(public):
    with pytest.raises(ShoplaunchError, match="signature_invalid"):
        load_signed("job", public, signed(), verify)


def test_a_signature_is_valid_for_no_other_purpose():
    with pytest.raises(ShoplaunchError, match="signature_invalid"):
        load_signed("job", [NEW[1]], signed(purpose="certificate"), verify)


def test_every_single_changed_byte_is_noticed():
    text = signed().encode()
    for position in range(len(text)):
        changed = text[:position] + bytes([text[position] ^ 1]) + text[position + 1 :]
        with pytest.raises(ShoplaunchError, match="signature_invalid"):
            load_signed("job", [NEW[1]], changed, verify)


@pytest.mark.parametrize("text", [b"", b".", b"a.b", b"\xff\xfe", b"." * 1000])
def test_rubbish_is_refused(text):
    with pytest.raises(ShoplaunchError, match="signature_invalid"):
        load_signed("job", [NEW[1]], text, verify)


def test_ten_minutes_of_a_wrong_clock_are_tolerated_and_no_more():
    document = {"issued_at": 1000_000, "expires_at": 1001_000}
    check_validity(document, 1000_000 - CLOCK_TOLERANCE_SECONDS)
    check_validity(document, 1001_000 + CLOCK_TOLERANCE_SECONDS)
    for now in (1000_000 - CLOCK_TOLERANCE_SECONDS - 1, 1001_000 + CLOCK_TOLERANCE_SECONDS + 1):
        with pytest.raises(ShoplaunchError, match="clock_skew"):
            check_validity(document, now)


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("more", ["!", "=", " ", "\n", "*"], ids=repr)
def test_a_signed_document_has_one_form_only(more):
    text = serializer("job", [NEW[0]], sign=sign).dumps(PAYLOAD)
    assert load_signed("job", [NEW[1]], text, verify) == PAYLOAD
    for position in range(text.index(".") + 1, len(text) + 1):
        with pytest.raises(ShoplaunchError, match="signature_invalid"):
            load_signed("job", [NEW[1]], text[:position] + more + text[position:], verify)
