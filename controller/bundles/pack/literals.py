"""Writes column values as SQL literals: one line, the same row on every server."""

from __future__ import annotations

from collections.abc import Callable

from controller.bundles.source.database.snapshot import APPROXIMATE, BINARY, GEOMETRY, NUMBERS, Column
from shared.placeholders import sql_escape

Writer = Callable[[bytes], bytes]


def text_literal(value: bytes) -> bytes:
    """Return a quoted string; a newline is written as \\n."""
    escaped: bytes = sql_escape(value)
    return b"'" + escaped + b"'"


def bytes_literal(value: bytes) -> bytes:
    """Return a hexadecimal string of bytes."""
    return b"x'" + value.hex().encode("ascii") + b"'"


def bits_literal(value: bytes) -> bytes:
    """Return a bit field's value."""
    return b"b'" + bin(int.from_bytes(value, "big"))[2:].encode("ascii") + b"'"


def template_literal(escaped: bytes, column: Column) -> bytes:
    """Return a string whose `escaped` content holds placeholders that end in the step `sql`."""
    introducer = b"_binary" if column.kind in BINARY else b""
    return introducer + b"'" + escaped + b"'"


def writer_of(column: Column) -> Writer:
    """Return the function that writes this column's values (never NULL)."""
    if column.kind in NUMBERS | APPROXIMATE:
        return bytes
    if column.kind == "bit":
        return bits_literal
    if column.kind in BINARY | GEOMETRY or column.charset == "binary":
        return bytes_literal
    return text_literal
