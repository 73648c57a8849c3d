"""Domains as people write them: orders keep what machines write."""

from __future__ import annotations

import unicodedata

import idna

#: Scripts that are written together.
_TOGETHER = frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "HANGUL"})
#: Letters of other scripts that people read as Latin ones; browsers show names of nothing else as machines write them.
_READ_AS_LATIN = frozenset("аысԁеԍһіюјӏорԗԛѕԝхуъьҽпгѵѡαορνυικτωχγησε")


def readable(domain: str, folder: str = "") -> str:
    """Return a domain (ASCII, as `orders.check_domain` returns it) in its own script, with the shop's folder behind.

    A name that could be read as another one stays as machines write it.
    """
    name = ".".join(_readable_label(label) for label in domain.split("."))
    return f"{name}/{folder}" if folder else name


def _readable_label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    text = idna.decode(label)
    return label if _may_be_misread(text) else text


def _may_be_misread(text: str) -> bool:
    """Tell whether people may take the label for one of another script: it mixes scripts, or looks like Latin."""
    letters = [letter for letter in text if unicodedata.category(letter).startswith("L")]
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in letters}
    if len(scripts) > 1:
        return not scripts <= _TOGETHER
    return bool(scripts & {"CYRILLIC", "GREEK"}) and _READ_AS_LATIN.issuperset(letters)
