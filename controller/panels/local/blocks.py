"""The accounts' parts of one configuration file, each between two marker lines.

One file for all accounts, replaced by renaming: a service that reads its folder again lists the names first and opens
the files after, and a file that has gone meanwhile would end it, with every site of the server.
"""

from __future__ import annotations

import re

#: The file's name in a service's folder; the services read `*.conf`.
FILE_NAME = "shoplaunch.conf"


def parts(content: bytes | None, comment: str) -> dict[str, bytes]:
    """Return account -> its part of a file's `content`; `comment` starts a comment line."""
    begin, end = (_marker(comment, r"([a-z][a-z0-9_]*)", word) for word in ("begin", "end"))
    found = re.findall(rf"^{begin}\n(.*?)^{end}\n", (content or b"").decode("utf-8"), re.MULTILINE | re.DOTALL)
    return {name: part.encode("utf-8") for name, part, last in found if name == last}


def joined(found: dict[str, bytes], comment: str) -> bytes:
    """Return the file's content made of `found` (account -> part), by name."""
    pieces = [f"{comment} Written by Shoplaunch; changes are overwritten.\n".encode()]
    for name, part in sorted(found.items()):
        begin, end = (_marker(comment, name, word).encode() for word in ("begin", "end"))
        pieces.append(begin + b"\n" + part + end + b"\n")
    return b"".join(pieces)


def _marker(comment: str, name: str, word: str) -> str:
    return f"{comment} shoplaunch {name} {word}"
