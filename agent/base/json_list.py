"""Reads a JSON list that arrives in pieces, entry by entry: memory holds little more than one entry."""

import codecs
import json
import re

from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Any, Iterable, Iterator

_BLANKS: "Any" = re.compile(r"[ \t\r\n]*")
#: Collected before parsing starts; whitespace before the first entry must fit in.
_FIRST_CHARS = 64 * 1024


def entries_of(pieces: "Iterable[bytes]") -> "Iterator[object]":
    """Yield the entries (JSON objects) of the list in the UTF-8 `pieces` (bytes); keep no reference to them.

    Raises ShoplaunchError `bundle_damaged` where it is no list.
    """
    try:
        for entry in _entries(codecs.iterdecode(pieces, "utf-8")):
            yield entry.pop()
    except ValueError:
        raise ShoplaunchError("bundle_damaged", "a member is no JSON list") from None


def _entries(texts: "Iterator[str]") -> "Iterator[list[object]]":
    """Yield each entry in a list of its own, so that the caller can take it out. Raises ValueError."""
    decoder = json.JSONDecoder()
    text, is_all = _more("", texts, _FIRST_CHARS)
    at = _after("[", text, 0)
    while text[at : at + 1] != "]":
        try:
            found, end = decoder.raw_decode(text, at)
            entry = [found]
            del found
            at = _next(text, end)
        except ValueError:
            if is_all:
                raise
            # Incomplete: retry once the text has grown by a quarter, so that a long entry is parsed only a few times
            text = text[at:]
            text, is_all = _more(text, texts, len(text) + max(_FIRST_CHARS, len(text) // 4))
            at = 0
            continue
        if at > len(text) // 2:
            # The text of an entry may be as large as the entry
            text, at = text[at:], 0
        yield entry
    # Reading to the end lets the source check its pieces
    if text[at + 1 :].strip() or any([part.strip() for part in texts]):
        raise ValueError("there is something behind the list")


def _next(text: str, end: int) -> int:
    """Return where the entry after the one that ends at `end` begins, or where the list ends. Raises ValueError."""
    at: int = _BLANKS.match(text, end).end()
    if text[at : at + 1] != "]":
        at = _after(",", text, at)
        if text[at : at + 1] in ("", "]"):
            raise ValueError("no entry follows")
    return at


def _after(mark: str, text: str, at: int) -> int:
    """Return where in `text` the `mark` at `at` and the blanks around it end. Raises ValueError."""
    at = _BLANKS.match(text, at).end()
    if text[at : at + 1] != mark:
        raise ValueError("no {}".format(mark))
    return int(_BLANKS.match(text, at + 1).end())


def _more(text: str, texts: "Iterator[str]", size: int) -> "tuple[str, bool]":
    """Return (`text` extended from `texts` to more than `size` characters, whether `texts` is exhausted)."""
    parts, length = [text], len(text)
    del text
    while length <= size:
        part = next(texts, None)
        if part is None:
            return "".join(parts), True
        parts.append(part)
        length += len(part)
    return "".join(parts), False
