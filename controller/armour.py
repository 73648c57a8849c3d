"""The agent as text: for panels that write nothing but text into an account."""

from __future__ import annotations

import base64
import textwrap
from pathlib import Path

from shared.encoding import sha256_hex

TEMPLATE = Path(__file__).resolve().parents[1] / "packaging" / "agent" / "armour"
#: Of the alphabet that forms need not escape; lines short enough for every editor and proxy.
LINE_CHARS = 120


def armoured(agent: bytes) -> bytes:
    """Return an ASCII text that does what `agent` (a zipapp) does; same input, same bytes.

    It is a program of Python 3.6 that puts `agent` in its own place, checked by SHA-256, and goes on as that.
    """
    text = base64.urlsafe_b64encode(agent).decode("ascii")
    template = TEMPLATE.read_text("ascii").replace("@SHA256@", sha256_hex(agent))
    lines = "\n".join(textwrap.wrap(text, LINE_CHARS, break_on_hyphens=False))
    return template.replace("@TEXT@", lines).encode("ascii")
