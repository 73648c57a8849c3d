"""Marks that keep names, codes and commands readable within right-to-left text; plain text has no other means."""

from __future__ import annotations

import re

from controller.network.words import UNSHOWN
from controller.wording.languages import is_right_to_left

#: Begin text that is left to right, text whose direction its first letter decides; end either.
LEFT_TO_RIGHT, ISOLATE, END = "\u2066", "\u2068", "\u2069"
#: An invisible letter of a language from right to left.
RIGHT_TO_LEFT_MARK = "\u200f"
_COMMAND = re.compile("`[^`]*`")


def isolated(text: str, language: str) -> str:
    """Return `text` so that it and the words around it keep their order; as it is in languages from left to right."""
    return f"{ISOLATE}{without_marks(text)}{END}" if text and is_right_to_left(language) else text


def with_commands(text: str, language: str) -> str:
    """Return `text` with its `commands between backticks` isolated: they begin or end with dashes and signs."""
    if not is_right_to_left(language):
        return text
    return _COMMAND.sub(lambda found: f"{LEFT_TO_RIGHT}{found[0]}{END}", text)


def without_marks(text: str) -> str:
    """Return `text` without marks of its own, which could end those around it."""
    return UNSHOWN.sub("\ufffd", text)
