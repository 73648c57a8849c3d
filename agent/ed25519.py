"""Verifying Ed25519 signatures in pure Python, by the vendored ecdsa library."""


def verify(public_key, data, signature):
    """Tell whether `signature` (64 bytes) over `data` was made by the owner of `public_key` (32 bytes)."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    # Here, not above: slow to load, and `status` has nothing to verify
    from ecdsa import BadSignatureError, Ed25519, VerifyingKey
    from ecdsa.errors import MalformedPointError

    try:
        return VerifyingKey.from_string(public_key, curve=Ed25519).verify(signature, data)
    except (BadSignatureError, MalformedPointError, ValueError):
        return False
