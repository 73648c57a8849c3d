"""Parses templates: finds their placeholders, encodes them once more, measures them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from shared.placeholders import token

_LENGTH_STEP = re.compile(r"len(\*[0-9]+)?(\+[0-9]+)?\Z")
_PATTERNS: dict[str, re.Pattern[bytes]] = {}


@dataclass(frozen=True)
class Mark:
    """One placeholder of a template: `steps` is the dot-joined chain, `start` and `end` its place in the bytes."""

    name: str
    steps: str
    start: int
    end: int

    @property
    def is_length(self) -> bool:
        """The placeholder renders as a decimal number."""
        return _LENGTH_STEP.match(self.steps.rsplit(".", 1)[-1]) is not None


def pattern(nonce: str) -> re.Pattern[bytes]:
    """Return the pattern of a bundle's placeholders; its groups are the name and the steps."""
    if nonce not in _PATTERNS:
        mark = b"@@SL" + nonce.encode("ascii")
        _PATTERNS[nonce] = re.compile(re.escape(mark) + rb":([a-z0-9_.]+):([a-z0-9_.*+]+)@@")
    return _PATTERNS[nonce]


def marks(template: bytes, nonce: str) -> list[Mark]:
    """Return the placeholders in `template`, in order."""
    return [
        Mark(found.group(1).decode("ascii"), found.group(2).decode("ascii"), found.start(), found.end())
        for found in pattern(nonce).finditer(template)
    ]


def pieces(template: bytes, nonce: str) -> Iterator[bytes | Mark]:
    """Yield the template's literal bytes (never empty) and placeholders, in order."""
    last = 0
    for mark in marks(template, nonce):
        if mark.start > last:
            yield template[last : mark.start]
        yield mark
        last = mark.end
    if last < len(template):
        yield template[last:]


def append_step(template: bytes, nonce: str, step: str) -> bytes:
    """Return `template` with encoding `step` appended to each placeholder: `raw` becomes `step`, `json` `json.step`.

    Placeholders of a length stay: digits need no encoding. The caller encodes the literal bytes.
    """
    return encoded(template, nonce, step, lambda literal: literal)


def encoded(template: bytes, nonce: str, step: str, encode: Callable[[bytes], bytes]) -> bytes:
    """Return `template` inside one more encoding: literal bytes through `encode`, placeholders with `step` appended.

    `step` must encode byte by byte or character by character (not base64: see fragments).
    """
    done = []
    for piece in pieces(template, nonce):
        if isinstance(piece, bytes):
            done.append(encode(piece))
        elif piece.is_length or step == "raw":
            done.append(template[piece.start : piece.end])
        else:
            steps = step if piece.steps == "raw" else f"{piece.steps}.{step}"
            done.append(token(nonce, piece.name, steps))
    return b"".join(done)


def length_token(template: bytes, nonce: str) -> bytes | None:
    """Return a placeholder for the filled template's length in bytes; plain digits when it has no placeholder.

    None when a single placeholder cannot express it: several values, or a length inside.
    """
    found = marks(template, nonce)
    literal = len(template) - sum(mark.end - mark.start for mark in found)
    if not found:
        return str(literal).encode("ascii")
    first = found[0]
    if first.is_length or any((mark.name, mark.steps) != (first.name, first.steps) for mark in found):
        return None
    before = "" if first.steps == "raw" else first.steps + "."
    times = f"*{len(found)}" if len(found) > 1 else ""
    base = f"+{literal}" if literal else ""
    filled: bytes = token(nonce, first.name, f"{before}len{times}{base}")
    return filled
