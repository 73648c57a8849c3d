"""Finds the plain includes of a PHP file, and puts an included file's code in their place, without running it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from posixpath import normpath

from controller.recipes.php.definitions import tokens_of

_WORDS = (b"include", b"include_once", b"require", b"require_once")
_ASKS = (b"file_exists", b"is_file", b"is_readable")
_TEXT = re.compile(rb"'([^'\\]*)'|\"([^\"\\$]*)\"")
#: Where a statement begins; after any other word it is one statement of an `if` or `else`.
_BEGINNINGS = (b";", b"{", b"}", b"")
_OF_ONE = (b")", b"else", b":")
#: An address of more tokens is none that can be read.
_ADDRESS_TOKENS = 24
_ROOT = b"ABSPATH."
#: What an address may begin with, and the folder it is; ABSPATH ends with a slash.
_BASES = (
    (b"dirname(dirname(__FILE__)).", "../"), (b"dirname(__DIR__).", "../"), (b"dirname(__FILE__).", "./"),
    (b"__DIR__.", "./"), (_ROOT, "./"),
)  # fmt: skip
#: Words that mean something else in another file, or end it.
_OF_ITS_FILE = (b"return", b"namespace", b"declare", b"use", b"__halt_compiler", b"__line__")
_OWN_PLACE = (b"__file__", b"__dir__")
_OPENING = re.compile(rb"(?:\xef\xbb\xbf)?<\?php(?=\s)", re.IGNORECASE)
_CLOSED = re.compile(rb"\?>\s*\Z")


@dataclass(frozen=True)
class Include:
    """A place that names a file: a statement that includes it, or a question whether it is there (`is_question`)."""

    start: int
    end: int
    #: Relative to the folder of the including file; absolute where it is written so; None where it must be run.
    path: str | None
    #: Whether the path begins at the application's root instead.
    is_of_root: bool = False
    is_question: bool = False
    is_once: bool = False
    #: False for the one statement of an `if`: several need braces.
    is_whole: bool = True
    #: Whether it stands in no block and below no condition.
    is_outermost: bool = True


def includes(source: bytes) -> Iterator[Include]:
    """Yield the includes of the file's code that are statements, and questions whether a file is there, in order."""
    tokens = tokens_of(source)
    words = [token.group() for token in tokens]
    depth = 0
    for at, word in enumerate(words):
        depth += {b"{": 1, b"}": -1}.get(word, 0)
        before = words[at - 1] if at else b""
        is_question = word.lower() in _ASKS and words[at + 1 : at + 2] == [b"("] and before not in (b"->", b"::")
        is_include = word.lower() in _WORDS and before.lower() in (*_BEGINNINGS, *_OF_ONE)
        end = _end(words, at + 1, b")" if is_question else b";") if is_question or is_include else None
        if end is not None:
            start = tokens[at].start()
            is_whole = before in _BEGINNINGS
            yield Include(
                start, tokens[end].end(), *_address(words[at + 1 : end]), is_question, word.lower().endswith(b"_once"),
                is_whole, is_whole and depth == 0,
            )  # fmt: skip


def _end(words: Sequence[bytes], first: int, closing: bytes) -> int | None:
    """Return the number of the token that ends the address at `first`, None for one that is too long."""
    depth = 0
    for at in range(first, min(first + _ADDRESS_TOKENS, len(words))):
        depth += {b"(": 1, b")": -1}.get(words[at], 0)
        if words[at] == closing and depth == 0:
            return at
    return None


def _address(words: Sequence[bytes]) -> tuple[str | None, bool]:
    """Return the path that an address of literals and the file's own folder names, None for any other, and whether it
    begins at the application's root.
    """
    while words[:1] == [b"("]:
        words = words[1:-1] if words[-1] == b")" else words[1:]
    written = b"".join(words)
    base, folder = next(((name, folder) for name, folder in _BASES if written.startswith(name)), (b"", ""))
    parts = _parts(written[len(base) :])
    if not parts:
        return None, False
    return normpath(folder + parts.decode("utf-8", "surrogateescape")), base == _ROOT


def _parts(written: bytes) -> bytes | None:
    found = b""
    while True:
        text = _TEXT.match(written)
        if text is None:
            return None
        found += text.group(1) if text.group(1) is not None else text.group(2)
        written = written[text.end() :]
        if not written:
            return found
        if written[:1] != b".":
            return None
        written = written[1:]


def code_of(source: bytes) -> bytes:
    """Return the code of a file, as it may stand in another file of its folder.

    Raises ValueError for one that means something else there, saying which word or text is in the way.
    """
    opening = _OPENING.match(source)
    if opening is None:
        raise ValueError("it does not begin with <?php")
    inside = _CLOSED.sub(b"", source)
    tokens = tokens_of(inside)
    ends = [opening.end(), *(token.end() for token in tokens)]
    begins = [*(token.start() for token in tokens), len(inside)]
    if any(b"?>" in inside[end:begin] for end, begin in zip(ends, begins, strict=True)):
        raise ValueError("it holds more than PHP")
    for token in tokens:
        if token.group().lower() in _OF_ITS_FILE:
            raise ValueError(f"it has `{token.group().decode()}`")
    return inside[opening.end() :] + b"\n"


def names_its_folder(code: bytes) -> bool:
    """Return whether code depends on the folder of its file."""
    return any(token.group().lower() in _OWN_PLACE for token in tokens_of(b"<?php" + code))


def declares(code: bytes) -> bool:
    """Return whether code has what may stand in no block."""
    return any(token.group().lower() == b"const" for token in tokens_of(b"<?php" + code))
