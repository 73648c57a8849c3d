"""Verifies Ed25519 signatures: with the loaded OpenSSL, else in pure Python."""

from agent.base import openssl

#: OpenSSL's number for this kind of key, EVP_PKEY_ED25519 (openssl/evp.h).
_KIND = 1087
_KEY_BYTES, _SIGNATURE_BYTES = 32, 64


def verify(public_key: bytes, data: bytes, signature: bytes) -> bool:
    """Return whether the owner of `public_key` (32 bytes) made `signature` (64 bytes) over `data`."""
    if len(public_key) != _KEY_BYTES or len(signature) != _SIGNATURE_BYTES:
        return False
    # What OpenSSL rejects or cannot check is checked again: slow, but only for signatures that are refused
    return _openssl_accepts(public_key, data, signature) or _ecdsa_accepts(public_key, data, signature)


def _openssl_accepts(public_key: bytes, data: bytes, signature: bytes) -> bool:
    """Return whether OpenSSL (1.1.1 and newer) is usable and accepts the signature."""
    library = openssl.library()
    try:
        new_key, free_key = library.EVP_PKEY_new_raw_public_key, library.EVP_PKEY_free
        new_context, free_context = library.EVP_MD_CTX_new, library.EVP_MD_CTX_free
        begin, judge = library.EVP_DigestVerifyInit, library.EVP_DigestVerify
        forget_errors = library.ERR_clear_error
    except AttributeError:
        # No OpenSSL, or one before 1.1.1
        return False
    # Imported here: a Python without it has come no further
    import ctypes

    pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    new_key.restype, new_key.argtypes = pointer, [ctypes.c_int, pointer, text, size]
    new_context.restype, new_context.argtypes = pointer, []
    begin.argtypes, judge.argtypes = [pointer] * 5, [pointer, text, size, text, size]
    free_key.argtypes = free_context.argtypes = [pointer]
    free_key.restype = free_context.restype = None
    forget_errors.restype, forget_errors.argtypes = None, []
    key, context = new_key(_KIND, None, public_key, len(public_key)), new_context()
    try:
        if not key or not context or begin(context, None, None, None, key) != 1:
            return False
        return bool(judge(context, signature, len(signature), data, len(data)) == 1)
    finally:
        # NULL is allowed here
        free_context(context)
        free_key(key)
        # An error left in the queue would be reported by this thread's next TLS read
        forget_errors()


def _ecdsa_accepts(public_key: bytes, data: bytes, signature: bytes) -> bool:
    """Verify like `verify`, with the vendored ecdsa library."""
    try:
        # Imported here: slow to load, and rarely needed
        from ecdsa import BadSignatureError, Ed25519, VerifyingKey  # type: ignore[import-untyped]
        from ecdsa.errors import MalformedPointError  # type: ignore[import-untyped]
    except ImportError:
        # Another attempt has replaced the agent's archive, and checks the signatures itself
        return False
    try:
        return bool(VerifyingKey.from_string(public_key, curve=Ed25519).verify(signature, data))
    except (BadSignatureError, MalformedPointError, ValueError):
        return False
