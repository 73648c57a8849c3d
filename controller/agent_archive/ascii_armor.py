"""Encodes the agent as ASCII text: for panels that write only text files into an account."""

from __future__ import annotations

import base64
import re

from controller.agent_archive.locations import PACKAGING
from shared.encoding import sha256_hex

TEMPLATE = PACKAGING / "ascii_armor"
#: Characters of the alphabet that forms need not escape; lines short enough for every editor and proxy.
LINE_CHARS = 120
_ARMORED = re.compile(
    rb'^SHA256 = "(?P<sha256>[0-9a-f]{64})"$.*^TEXT = """(?P<text>[^"]*)"""', re.MULTILINE | re.DOTALL
)


def armored(agent: bytes) -> bytes:
    """Return an ASCII program equivalent to `agent` (a zipapp); same input, same bytes.

    The program runs on Python 3.6, checks `agent` by SHA-256, replaces itself with it and runs it.
    """
    text = base64.urlsafe_b64encode(agent).decode("ascii")
    template = TEMPLATE.read_text("ascii").replace("@SHA256@", sha256_hex(agent))
    # `textwrap` takes the square of the length for one long word: a tenth of a second for an agent
    lines = "\n".join(text[start : start + LINE_CHARS] for start in range(0, len(text), LINE_CHARS))
    return template.replace("@TEXT@", lines).encode("ascii")


def agent_digest(content: bytes) -> str | None:
    """Return the SHA-256 of the agent that `content` is or holds as text; None for a text without a complete agent."""
    if content.startswith(b"PK"):
        return str(sha256_hex(content))
    found = _ARMORED.search(content)
    if found is None:
        return None
    try:
        digest = str(sha256_hex(base64.urlsafe_b64decode(b"".join(found["text"].split()))))
    except ValueError:
        return None
    return digest if digest.encode("ascii") == found["sha256"] else None
