"""Pure byte helpers: canonical JSON, digests."""

import hashlib
import json

MYPY = False
if MYPY:
    from os import PathLike

CHUNK_BYTES = 1024 * 1024


def canonical_json(value: object) -> bytes:
    """Return `value` as UTF-8 JSON bytes with sorted keys and no whitespace: same value, same bytes."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8")


def is_text(value: object) -> bool:
    """Return whether every string of the JSON document `value` can be encoded: it has no half of a surrogate pair."""
    try:
        canonical_json(value)
    except (UnicodeEncodeError, RecursionError):
        return False
    return True


def sha256_hex(data: bytes) -> str:
    """Return the lower-case hexadecimal SHA-256 of `data` (bytes)."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: "str | PathLike[str]") -> str:
    """Return the lower-case hexadecimal SHA-256 of the file at `path`, read in 1 MiB pieces. Raises OSError."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for piece in iter(lambda: stream.read(CHUNK_BYTES), b""):
            digest.update(piece)
    return digest.hexdigest()
