"""Finds the constants and `$table_prefix` that a PHP file defines, in its source, without running it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from controller.recipes.php import literal
from shared.errors import ShoplaunchError

TABLE_PREFIX = "$table_prefix"
_TOKEN = re.compile(
    rb"(?P<skip>\s+|/\*.*?(?:\*/|\Z)|(?://|\#(?!\[))(?:(?!\?>)[^\n])*|\?>.*?(?:<\?(?:php|=)|\Z))"
    rb"|(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    rb"|<<<[ \t]*[\"']?(?P<label>[A-Za-z_]\w*)[\"']?\r?\n.*?^[ \t]*(?P=label)\b"
    # An unclosed text goes on to the end: searching from each beginning would take quadratic time
    rb"|(?:['\"]|<<<[ \t]*[\"']?[A-Za-z_]\w*[\"']?\r?\n).*+"
    rb"|\$?[A-Za-z_\\\x80-\xff][\w\\\x80-\xff]*|->|::|=>|==+|.",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
_OPENING, _CLOSING = (b"(", b"["), (b")", b"]")
#: A value of more tokens (a bracketed group counts as one) is no literal.
_VALUE_TOKENS = 200


@dataclass(frozen=True)
class Definition:
    """A constant (or `$table_prefix`) and the place of its value; `value` is None when it would have to be run."""

    name: str
    start: int
    end: int
    value: literal.Literal
    #: True if the value comes from the environment: `default` is the fallback, None without one.
    of_environment: bool = False
    default: literal.Literal = None

    @property
    def written(self) -> literal.Literal:
        """The value in the file itself: the literal, or the default for an environment variable."""
        return self.default if self.of_environment else self.value


def definitions(source: bytes, shown: str) -> Iterator[Definition]:
    """Yield the definitions of the file `shown`, in order; comments and text outside of PHP define nothing."""
    tokens = tokens_of(source)
    closings = _closings(tokens)
    for at in range(len(tokens)):
        before = tokens[at - 1].group() if at else b""
        named = None if before in (b"->", b"::", b"function") else _named(tokens, at)
        if named is not None:
            name, first, ending = named
            last = _end_of_value(tokens, closings, first, ending)
            if last is not None and last > first:
                start, end = tokens[first].start(), tokens[last - 1].end()
                yield _defined(name, source, (start, end), shown)


def tokens_of(source: bytes) -> list[re.Match[bytes]]:
    """Return the tokens of a PHP file's code, in order, without comments, blanks and text outside of PHP."""
    opening = re.search(rb"<\?php\b", source, re.IGNORECASE)
    return [] if opening is None else [
        found for found in _TOKEN.finditer(source, opening.end()) if found.group("skip") is None
    ]  # fmt: skip


def _named(tokens: Sequence[re.Match[bytes]], at: int) -> tuple[str, int, Sequence[bytes]] | None:
    """Return (name, first token of the value, tokens that end it) of the definition at `at`, None without one."""
    word = [one.group() for one in tokens[at : at + 4]] + [b""] * 4
    if (
        word[0].lstrip(b"\\").lower() == b"define"
        and word[1] == b"("
        and word[2][:1] in (b"'", b'"')
        and word[3] == b","
    ):
        return word[2][1:-1].decode("utf-8", "replace"), at + 4, (b")", b",")
    if word[0].lower() == b"const" and word[2] == b"=":
        return word[1].decode("utf-8", "replace"), at + 3, (b";", b",")
    if word[0] == TABLE_PREFIX.encode() and word[1] == b"=":
        return TABLE_PREFIX, at + 2, (b";",)
    return None


def _end_of_value(
    tokens: Sequence[re.Match[bytes]], closings: dict[int, int], first: int, ending: Sequence[bytes]
) -> int | None:
    """Return the token that ends the value at `first`; None without an end, or for a value too long for a literal."""
    at = first
    for _ in range(_VALUE_TOKENS):
        word = tokens[at].group() if at < len(tokens) else b";"
        if word in ending and at < len(tokens):
            return at
        if word == b";" or word in _CLOSING:
            return None
        at = closings.get(at, len(tokens)) if word in _OPENING else at + 1
    return None


def _closings(tokens: Sequence[re.Match[bytes]]) -> dict[int, int]:
    """Return for each closed opening bracket the number of the token after its closing one."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for at, token in enumerate(tokens):
        if token.group() in _OPENING:
            opened.append(at)
        elif token.group() in _CLOSING and opened:
            found[opened.pop()] = at + 1
    return found


def _defined(name: str, source: bytes, span: tuple[int, int], shown: str) -> Definition:
    expression = source[slice(*span)]
    try:
        return Definition(name, *span, literal.read_value(expression, shown))
    except ShoplaunchError:
        pass
    try:
        default = literal.read_environment(expression, shown)
    except ShoplaunchError:
        return Definition(name, *span, None)
    return Definition(name, *span, None, of_environment=True, default=default)


def redefined(source: bytes, shown: str, value_of: Callable[[Definition], bytes | None]) -> bytes:
    """Return the source with new values; `value_of` returns a definition's new value, None where it stays."""
    parts, last = [], 0
    for one in definitions(source, shown):
        value = value_of(one)
        if value is not None:
            parts += [source[last : one.start], value]
            last = one.end
    return b"".join(parts) + source[last:] if parts else source
