"""Splits a `.htaccess` into the panel's own blocks and the rest, byte for byte."""

import re

MYPY = False
if MYPY:
    from typing import Sequence

    from shared.documents import HtaccessBlock


def split_blocks(data: bytes, rules: "Sequence[HtaccessBlock]") -> "tuple[bytes, bytes]":
    """Return (blocks, rest): the panel's blocks in `data` (bytes) joined, and everything else, both bytes.

    `rules` is the job's document_root.htaccess_blocks: [{"start": regex, "end": regex}], each matched against one
    line without its line end. A block without its end line does not count as one: it belongs to the rest.
    """
    parts = segments(data, rules)
    blocks, rest = (b"".join(text for block, text in parts if block == wanted) for wanted in (True, False))
    return blocks, rest


def segments(data: bytes, rules: "Sequence[HtaccessBlock]") -> "list[tuple[bool, bytes]]":
    """Return [(is the panel's, bytes)] of `data` in order; `rules` as in `split_blocks`."""
    lines = data.splitlines(True)
    patterns = [(re.compile(rule["start"].encode("utf-8")), re.compile(rule["end"].encode("utf-8"))) for rule in rules]
    parts: "list[tuple[bool, bytes]]" = []
    rest: "list[bytes]" = []
    position = 0
    while position < len(lines):
        end = _block_end(lines, position, patterns)
        if end is None:
            rest.append(lines[position])
            position += 1
            continue
        parts += [(False, b"".join(rest)), (True, b"".join(lines[position : end + 1]))]
        rest = []
        position = end + 1
    return [part for part in parts + [(False, b"".join(rest))] if part[1]]


def _block_end(
    lines: "list[bytes]", position: int, patterns: "list[tuple[re.Pattern[bytes], re.Pattern[bytes]]]"
) -> "int | None":
    """Return the index of the last line of the block that starts at `position`, or None."""
    first = lines[position].rstrip(b"\r\n")
    for start, end in patterns:
        if start.search(first):
            for number in range(position + 1, len(lines)):
                if end.search(lines[number].rstrip(b"\r\n")):
                    return number
    return None


def join(blocks: bytes, rest: bytes) -> bytes:
    """Return the panel's `blocks` byte for byte, then `rest` on a line of its own (both bytes)."""
    if blocks and rest and not blocks.endswith(b"\n"):
        return blocks + b"\n" + rest
    return blocks + rest
