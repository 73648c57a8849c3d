"""Finds serialized strings in running text whose quotes are encoded, and decodes their content."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from controller.bundles.encodings.encoding import Decode, Wrapped
from controller.bundles.encodings.table import encodings

#: Quote in an encoding -> what decodes the string between two of them.
DECODERS: dict[bytes, Decode] = {
    quote: one.string for one in encodings().values() if one.string is not None for quote in one.quotes
}
#: In whichever escaping, known or not.
_QUOTES = b"|".join([rb"\\+\"", *map(re.escape, DECODERS)])
_HEAD = re.compile(
    rb"(?:(?<![A-Za-z0-9_])|(?<=%3[Bb])|(?<=%7[Bb]))s(?P<colon>:|%3[Aa])(?P<length>[0-9]{1,10})(?P=colon)"
    rb"(?P<quote>" + _QUOTES + rb")"
)
#: The greatest number of bytes that any encoding makes of one.
_LONGEST_ENCODED = 16
#: How much of a text is looked at in vain, for each of its bytes.
_MOST_IN_VAIN = 8


@dataclass(frozen=True)
class Embedded:
    """One string: `lead`, its length, `middle`, `body` and `closing` are `data[start:end]`.

    `wrapped` is None where the meaning of `body` is unknown, or its length is not the stated one.
    """

    start: int
    end: int
    lead: bytes
    middle: bytes
    body: bytes
    closing: bytes
    wrapped: Wrapped | None


def embedded_strings(data: bytes, gives_up: Callable[[], object] = lambda: None) -> Iterator[Embedded]:
    """Yield the serialized strings in `data` whose quotes are encoded, from left to right.

    `gives_up` is called for a text in which strings begin all the time, with one end for all; the rest is left out.
    """
    in_vain = 0
    closings: dict[tuple[bytes, bool], re.Match[bytes] | None] = {}
    for head in _HEAD.finditer(data):
        colon, quote = head.group("colon"), head.group("quote")
        closing = _closing(closings, data, head)
        if closing is None:
            continue
        body = data[head.end() : closing.start()]
        length = int(head.group("length"))
        # A string much longer than stated is not decoded: without an end, each would reach to the end of the text
        wrapped = _meaning(quote, body) if len(body) <= _LONGEST_ENCODED * length else None
        is_whole = wrapped is not None and len(wrapped.inner) == length
        if not is_whole or wrapped is None or wrapped.encode(wrapped.inner) != body:
            wrapped = None
            in_vain += len(body)
            if in_vain > _MOST_IN_VAIN * len(data):
                gives_up()
                return
        yield Embedded(
            head.start(), closing.end(), b"s" + colon, colon + quote, body, closing.group(), wrapped
        )  # fmt: skip


def _closing(
    known: dict[tuple[bytes, bool], re.Match[bytes] | None], data: bytes, head: re.Match[bytes]
) -> re.Match[bytes] | None:
    """Return the first end of a string after `head`, None where there is none.

    `known` holds the ends found for earlier heads: they are valid for this head if they stand after it.
    """
    kind = (head.group("quote"), head.group("colon") == b":")
    found = known.get(kind)
    if kind not in known or (found is not None and found.start() < head.end()):
        pattern = re.escape(kind[0]) + (b";" if kind[1] else rb"%3[Bb]")
        found = known[kind] = re.compile(pattern).search(data, head.end())
    return found


def _meaning(quote: bytes, body: bytes) -> Wrapped | None:
    decode = DECODERS.get(quote)
    return None if decode is None else decode(body)
