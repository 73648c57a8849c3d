"""The TLS context that verifies certificates of other machines."""

from __future__ import annotations

import functools
import ssl
from pathlib import Path


def trusted(ca_file: str = "") -> ssl.SSLContext:
    """Return a context that verifies host and chain: with the authorities in `ca_file`, or this machine's own.

    Raises OSError where the file holds none.
    """
    # Loading the system's authorities takes longer than a call; a file that was replaced is loaded again
    return _made(ca_file, Path(ca_file).stat().st_mtime_ns if ca_file else 0)


@functools.lru_cache(maxsize=32)
def _made(ca_file: str, _changed_at: int) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file or None)
    context.set_alpn_protocols(["http/1.1"])
    return context
