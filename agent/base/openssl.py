"""Calls the OpenSSL loaded at the archive's start for what Python does not offer, or does slowly."""

import hashlib

from shared.encoding import sha256_hex as pythons_sha256_hex

MYPY = False
if MYPY:
    from typing import Any

_SHA256_BYTES = 32
#: The name of CPython's own implementation; OpenSSL's function has another one.
_PYTHONS_OWN = "sha256"


def library() -> "Any":
    """Return the library (ctypes.CDLL), None where it cannot be used: without ctypes or a shared OpenSSL, or where
    executable memory is forbidden."""
    try:
        # Imported here: a Python may lack one of them
        import _ssl
        import ctypes

        # Opened through the extension module's file: that is linked with the right library, wherever it lies
        return ctypes.CDLL(_ssl.__file__)
    except (ImportError, AttributeError, OSError, MemoryError):
        return None


def sha256_hex(data: bytes) -> str:
    """Return the digest like shared.encoding.sha256_hex, fast also where Python was built without `_hashlib`: its own
    code takes several times as long, which matters for members read as a whole."""
    if hashlib.sha256.__name__ != _PYTHONS_OWN:
        return pythons_sha256_hex(data)
    return _digest(data) or pythons_sha256_hex(data)


def _digest(data: bytes) -> "str | None":
    """Return the hexadecimal digest made by OpenSSL; None where it cannot be used, or refuses."""
    try:
        found = library()
        kind, make, forget_errors = found.EVP_sha256, found.EVP_Digest, found.ERR_clear_error
    except AttributeError:
        return None
    # Imported here: a Python without it has come no further
    import ctypes

    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    kind.restype, kind.argtypes = pointer, []
    make.argtypes = [text, ctypes.c_size_t, text, pointer, pointer, pointer]
    forget_errors.restype, forget_errors.argtypes = None, []
    digest = ctypes.create_string_buffer(_SHA256_BYTES)
    if make(data, len(data), digest, None, kind(), None) == 1:
        return digest.raw.hex()
    # An error left in the queue would be reported by this thread's next TLS read
    forget_errors()
    return None
