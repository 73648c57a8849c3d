"""The OpenSSL that the archive's start has loaded, asked for what Python does not offer, or is slow at."""

import hashlib

from shared.encoding import sha256_hex as pythons_sha256_hex

MYPY = False
if MYPY:
    from typing import Any

_SHA256_BYTES = 32
#: What CPython calls its own; OpenSSL's is another's name there.
_PYTHONS_OWN = "sha256"


def library() -> "Any":
    """Return the library (ctypes.CDLL), None where it cannot be asked: without ctypes or a shared OpenSSL, or where
    nothing may be made executable."""
    try:
        import _ssl
        import ctypes

        # By the module's own file: that is the library it was linked with, wherever that lies
        return ctypes.CDLL(_ssl.__file__)
    except (ImportError, AttributeError, OSError, MemoryError):
        return None


def sha256_hex(data: bytes) -> str:
    """As shared.encoding.sha256_hex, of bytes, also where Python was built without `_hashlib`: its own code takes
    several times as long, which only members read as a whole are large enough to show."""
    if hashlib.sha256.__name__ != _PYTHONS_OWN:
        return pythons_sha256_hex(data)
    return _digest(data) or pythons_sha256_hex(data)


def _digest(data: bytes) -> "str | None":
    """Return the digest as OpenSSL makes it, in hexadecimal; None where it cannot be asked, or refuses."""
    try:
        found = library()
        kind, make, forget_errors = found.EVP_sha256, found.EVP_Digest, found.ERR_clear_error
    except AttributeError:
        return None
    import ctypes

    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    kind.restype, kind.argtypes = pointer, []
    make.argtypes = [text, ctypes.c_size_t, text, pointer, pointer, pointer]
    forget_errors.restype, forget_errors.argtypes = None, []
    digest = ctypes.create_string_buffer(_SHA256_BYTES)
    if make(data, len(data), digest, None, kind(), None) == 1:
        return digest.raw.hex()
    # It would else be taken for an error of this thread's next TLS read
    forget_errors()
    return None
