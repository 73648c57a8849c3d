"""The OpenSSL this Python has loaded anyway, asked for what Python does not offer, or is slow at."""

import hashlib

from shared.encoding import sha256_hex as pythons_sha256_hex

_SHA256_BYTES = 32


def library():
    """Return the library (ctypes.CDLL), None where it cannot be asked: without ctypes or a shared OpenSSL, or where
    nothing may be made executable."""
    try:
        import _ssl
        import ctypes

        # By the module's own file: that is the library it was linked with, wherever that lies
        return ctypes.CDLL(_ssl.__file__)
    except (ImportError, AttributeError, OSError, MemoryError):
        return None


def sha256_hex(data):
    """As shared.encoding.sha256_hex, of bytes; a Python built without `_hashlib` takes five times as long by itself."""
    if hashlib.sha256.__name__ != "sha256":
        return pythons_sha256_hex(data)
    return _digest(data) or pythons_sha256_hex(data)


def _digest(data):
    """Return the digest as OpenSSL makes it, in hexadecimal; None where it cannot be asked."""
    try:
        found = library()
        kind, make = found.EVP_sha256, found.EVP_Digest
    except AttributeError:
        return None
    import ctypes

    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    kind.restype, kind.argtypes = pointer, []
    make.argtypes = [text, ctypes.c_size_t, text, pointer, pointer, pointer]
    digest = ctypes.create_string_buffer(_SHA256_BYTES)
    return digest.raw.hex() if make(data, len(data), digest, None, kind(), None) == 1 else None
