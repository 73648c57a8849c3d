"""A JSON list that comes in pieces, read entry by entry: little more of it is held than one entry."""

import codecs
import json
import re

from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Any, Iterable, Iterator

_BLANKS: "Any" = re.compile(r"[ \t\r\n]*")
#: As much is waited for before there is a first look; more than may stand before the first entry.
_FIRST_CHARS = 64 * 1024


def entries_of(pieces: "Iterable[bytes]") -> "Iterator[Any]":
    """Yield the entries, JSON objects, of the list whose UTF-8 the `pieces` (bytes) make up; hold none of them.

    Raises ShoplaunchError `bundle_damaged` where it is none.
    """
    try:
        for entry in _entries(codecs.iterdecode(pieces, "utf-8")):
            yield entry.pop()
    except ValueError:
        raise ShoplaunchError("bundle_damaged", "a member is no JSON list") from None


def _entries(texts: "Iterator[str]") -> "Iterator[list[Any]]":
    """Yield each entry in a list of its own, from which it can be taken. Raises ValueError."""
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
            # Cut off: looked at again once there is a quarter more, so that a large one is not read too often
            text = text[at:]
            text, is_all = _more(text, texts, len(text) + max(_FIRST_CHARS, len(text) // 4))
            at = 0
            continue
        if at > len(text) // 2:
            # What an entry came of may be as large as the entry
            text, at = text[at:], 0
        yield entry
    # What says how the pieces end comes with the last one
    if text[at + 1 :].strip() or any([part.strip() for part in texts]):
        raise ValueError("there is something behind the list")


def _next(text: str, end: int) -> int:
    """Return where the entry after the one that ends at `end` begins, or the list's end. Raises ValueError."""
    at: int = _BLANKS.match(text, end).end()
    if text[at : at + 1] != "]":
        at = _after(",", text, at)
        if text[at : at + 1] in ("", "]"):
            raise ValueError("no entry follows")
    return at


def _after(mark: str, text: str, at: int) -> int:
    """Return where in `text` what follows the `mark` at `at` begins, blanks aside. Raises ValueError."""
    at = _BLANKS.match(text, at).end()
    if text[at : at + 1] != mark:
        raise ValueError("no {}".format(mark))
    return int(_BLANKS.match(text, at + 1).end())


def _more(text: str, texts: "Iterator[str]", size: int) -> "tuple[str, bool]":
    """Return (`text` with what follows in `texts`, at least `size` characters, whether that is all)."""
    parts, length = [text], len(text)
    del text
    while length <= size:
        part = next(texts, None)
        if part is None:
            return "".join(parts), True
        parts.append(part)
        length += len(part)
    return "".join(parts), False
