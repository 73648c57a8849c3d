"""The agent as text: for panels that write nothing but text into an account."""

from __future__ import annotations

import base64
import re
import textwrap
from pathlib import Path

from shared.encoding import sha256_hex

TEMPLATE = Path(__file__).resolve().parents[2] / "packaging" / "agent" / "armour"
#: Of the alphabet that forms need not escape; lines short enough for every editor and proxy.
LINE_CHARS = 120
_ARMOURED = re.compile(
    rb'^SHA256 = "(?P<sha256>[0-9a-f]{64})"$.*^TEXT = """(?P<text>[^"]*)"""', re.MULTILINE | re.DOTALL
)


def armoured(agent: bytes) -> bytes:
    """Return an ASCII text that does what `agent` (a zipapp) does; same input, same bytes.

    It is a program of Python 3.6 that puts `agent` in its own place, checked by SHA-256, and goes on as that.
    """
    text = base64.urlsafe_b64encode(agent).decode("ascii")
    template = TEMPLATE.read_text("ascii").replace("@SHA256@", sha256_hex(agent))
    lines = "\n".join(textwrap.wrap(text, LINE_CHARS, break_on_hyphens=False))
    return template.replace("@TEXT@", lines).encode("ascii")


def agent_digest(content: bytes) -> str | None:
    """Return the SHA-256 of the agent that `content` is or holds as text; None for a text that holds no whole one."""
    if content.startswith(b"PK"):
        return str(sha256_hex(content))
    found = _ARMOURED.search(content)
    if found is None:
        return None
    try:
        digest = str(sha256_hex(base64.urlsafe_b64decode(b"".join(found["text"].split()))))
    except ValueError:
        return None
    return digest if digest.encode("ascii") == found["sha256"] else None
