"""One-time passwords as RFC 6238 has them, and recovery codes."""

import base64

import pytest

from controller.access import totp

RFC = base64.b32encode(b"12345678901234567890").decode()
#: Appendix B of the RFC, its last six digits.
VECTORS = {59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 20000000000: "353130"}


@pytest.mark.parametrize("at", VECTORS)
def test_the_examples_of_the_rfc(at):
    assert totp.code_at(RFC, at // 30) == VECTORS[at]
    assert totp.step_of(RFC, VECTORS[at], at) == at // 30


def test_a_code_is_taken_one_step_before_and_after_and_no_longer():
    code = totp.code_at(RFC, 100)
    taken = [totp.step_of(RFC, code, 30 * step) for step in range(97, 104)]
    assert taken == [None, None, 100, 100, 100, None, None]
    assert totp.step_of(RFC, f" {code[:3]} {code[3:]}", 3000) == 100
    assert totp.step_of(RFC, "۲۸۷۰۸۲", 59) == 1 and totp.step_of(RFC, "", 59) is None


def test_secrets_and_recovery_codes_are_random_and_long_enough():
    assert len({totp.new_secret() for _ in range(9)}) == 9 and len(base64.b32decode(totp.new_secret())) == 20
    codes = totp.new_recovery_codes()
    assert len(set(codes)) == 10 and all(len(code.replace("-", "")) == 16 for code in codes)
    kept = [totp.digest(code) for code in codes]
    assert totp.without(kept, codes[0].upper().replace("-", " ")) == kept[1:]
    assert totp.without(kept, "") is totp.without(kept, "nothing") is None


def test_the_address_is_one_that_apps_read():
    address = totp.address("ABC", "nora@x", "control.example")
    assert address.startswith("otpauth://totp/control.example:nora%40x?secret=ABC&issuer=control.example")
