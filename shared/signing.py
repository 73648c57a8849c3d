"""Signed documents: an itsdangerous serializer over Ed25519 that binds each signature to one purpose.

Without key derivation itsdangerous ignores its salt, so the purpose is part of the signed bytes.
The primitive is injected: `cryptography` signs in the controller, agent.base.ed25519 verifies in the agent.
"""

from itsdangerous import BadData, Signer, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode
from itsdangerous.signer import SigningAlgorithm

from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Any, Callable, Iterable

    from shared.documents import Job

    Sign = Callable[[bytes, bytes], bytes]
    Verify = Callable[[bytes, bytes, bytes], bool]
    Base = Signer
else:
    Base = object

PURPOSE_JOB = "job"
PURPOSE_CERTIFICATE = "certificate"
PURPOSE_ACK = "ack"
#: Seconds a clock may be off before a document counts as expired or not yet valid.
CLOCK_TOLERANCE_SECONDS = 600
#: For a side that never signs or never verifies: calling it raises TypeError.
_NEVER: "Any" = None


def signed_bytes(purpose: str, value: bytes) -> bytes:
    """Return the bytes that are actually signed for `value` (bytes) under `purpose` (str)."""
    return b"shoplaunch/" + purpose.encode("ascii") + b"\0" + value


class Ed25519Algorithm(SigningAlgorithm):
    """Ed25519 for one purpose.

    `sign(private_key_bytes, data)` returns 64 bytes; `verify(public_key_bytes, data, signature)` returns a bool.
    Either may be None on a side that never uses it.
    """

    def __init__(self, purpose: str, sign: "Sign" = _NEVER, verify: "Verify" = _NEVER) -> None:
        self._purpose = purpose
        self._sign = sign
        self._verify = verify

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        """Return the signature of `value` by private `key`. Raises TypeError on a side that only verifies."""
        return self._sign(key, signed_bytes(self._purpose, value))

    def verify_signature(self, key: bytes, value: bytes, sig: bytes) -> bool:
        """Return whether the owner of public `key` made `sig` over `value`."""
        return self._verify(key, signed_bytes(self._purpose, value), sig)


class OneForm(Base):
    """Mixin for a Signer that accepts a signature only in its canonical spelling. A base64 decoder ignores padding,
    foreign characters and unused bits, so one signature would have any number of spellings."""

    def verify_signature(self, value: "str | bytes", sig: "str | bytes") -> bool:
        """Return whether `sig` (bytes) is the signature of `value` in its canonical spelling."""
        try:
            written = base64_encode(base64_decode(sig))
        except BadData:
            return False
        return written == sig and super().verify_signature(value, sig)


class OneFormSigner(OneForm, Signer):
    """A Signer that accepts signatures only in their canonical spelling."""


def serializer(
    purpose: str, keys: "Iterable[bytes]", sign: "Sign" = _NEVER, verify: "Verify" = _NEVER
) -> "URLSafeSerializer":
    """Return a URLSafeSerializer for `purpose`; `keys` is a list of 32-byte keys, newest last."""
    algorithm = Ed25519Algorithm(purpose, sign=sign, verify=verify)
    options = {"key_derivation": "none", "algorithm": algorithm}
    return URLSafeSerializer(keys, signer=OneFormSigner, signer_kwargs=options)


def load_signed(purpose: str, public_keys: "Iterable[bytes]", text: "str | bytes", verify: "Verify") -> "Any":
    """Return the payload of signed `text` (bytes or str).

    Raises ShoplaunchError `signature_invalid` when none of `public_keys` signed it for `purpose`.
    """
    try:
        return serializer(purpose, public_keys, verify=verify).loads(text)
    except (BadData, RecursionError, ValueError):
        raise ShoplaunchError("signature_invalid", "the {} is not signed by a known key".format(purpose)) from None


def check_validity(payload: "Job", now: float) -> None:
    """Raise ShoplaunchError `clock_skew` when `now` (unix seconds) is outside the payload's validity."""
    if now < payload["issued_at"] - CLOCK_TOLERANCE_SECONDS:
        raise ShoplaunchError("clock_skew", "the document is from the future", reason="future")
    if now > payload["expires_at"] + CLOCK_TOLERANCE_SECONDS:
        raise ShoplaunchError("clock_skew", "the document has expired", reason="expired")
