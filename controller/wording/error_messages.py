"""Errors' messages in other languages: programs and agents say them in English, a table has each sentence."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from controller.wording import persian
from controller.wording.direction import isolated, without_marks

#: Language -> English sentence -> its translation; {} is what a message fills in.
TABLES = {"fa": persian.SENTENCES}
GAP = "{}"
#: A value may be a message itself, and a message several: reasons within reasons.
DEEPEST = 3
#: More sentences in one message come from none of our programs.
MOST_PARTS = 8
#: Between sentences of one message, in English and in the others.
BETWEEN = {"fa": ("; ", "؛ ")}


@dataclass(frozen=True)
class Sentence:
    """An English sentence, cut at its gaps, and its translation with the gaps."""

    pieces: tuple[str, ...]
    translated: str

    def values(self, message: str) -> list[str] | None:
        """Return what `message` has in the gaps, None where it is another sentence; in one pass over the message."""
        first, *middle = self.pieces
        if not middle:
            return [] if message == first else None
        last = middle.pop()
        end = len(message) - len(last)
        if not message.startswith(first) or not message.endswith(last):
            return None
        at, found = len(first), []
        for piece in middle:
            stop = message.find(piece, at, end)
            if stop < 0:
                return None
            found.append(message[at:stop])
            at = stop + len(piece)
        return [*found, message[at:end]] if end >= at else None


def in_language(message: str, language: str) -> str:
    """Return `message` in `language`, its values isolated; "" where the table lacks it, and for English."""
    return _translated(without_marks(message), language, DEEPEST) if language in TABLES else ""


@functools.lru_cache(maxsize=512)
def _translated(message: str, language: str, depth: int) -> str:
    for sentence in _sentences(language):
        values = sentence.values(message)
        if values is not None:
            return sentence.translated.format(*(_value(one, language, depth - 1) for one in values))
    return _composed(message, language, depth - 1) if depth else ""


def _composed(message: str, language: str, depth: int) -> str:
    """Return a message of several sentences, of one with its likely cause in brackets, or of one behind a name."""
    english, other = BETWEEN[language]
    parts = message.split(english, MOST_PARTS)
    if len(parts) > 1:
        return _joined(parts, other, language, depth)
    whole, opening, cause = message.rpartition(" (")
    known = _translated(cause[:-1], language, depth) if opening and cause.endswith(")") else ""
    if known:
        return f"{_value(whole, language, depth)} ({known})"
    name, colon, rest = message.partition(": ")
    known = _translated(rest, language, depth) if colon else ""
    return f"{isolated(name, language)}: {known}" if known else ""


def _joined(parts: list[str], between: str, language: str, depth: int) -> str:
    if not any(_translated(one, language, depth) for one in parts):
        return ""
    return between.join(_value(one, language, depth) for one in parts)


def _value(text: str, language: str, depth: int) -> str:
    known = _translated(text, language, depth) if depth > 0 and " " in text else ""
    return known or isolated(text, language)


@functools.cache
def _sentences(language: str) -> tuple[Sentence, ...]:
    """Return the sentences, those that fix most of a message first."""
    found = [Sentence(tuple(english.split(GAP)), other) for english, other in TABLES[language].items()]
    return tuple(sorted(found, key=lambda one: -sum(map(len, one.pieces))))
