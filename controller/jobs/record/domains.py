"""Domains as people read them; orders store their ASCII form."""

from __future__ import annotations

import unicodedata

import idna

#: Scripts commonly used together in one name.
_TOGETHER = frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "HANGUL"})
#: Letters of other scripts that look like Latin ones; browsers show names made only of these in ASCII form.
_READ_AS_LATIN = frozenset("аысԁеԍһіюјӏорԗԛѕԝхуъьҽпгѵѡαορνυικτωχγησε")


def readable(domain: str, folder: str = "") -> str:
    """Return a domain (ASCII, as from `orders.check_domain`) in its own script, followed by the shop's folder.

    A name that could be mistaken for another one stays in ASCII form.
    """
    name = ".".join(_readable_label(label) for label in domain.split("."))
    return f"{name}/{folder}" if folder else name


def _readable_label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    text = idna.decode(label)
    return label if _may_be_misread(text) else text


def _may_be_misread(text: str) -> bool:
    """Return whether people may misread the label: it mixes scripts, or looks like Latin."""
    letters = [letter for letter in text if unicodedata.category(letter).startswith("L")]
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in letters}
    if len(scripts) > 1:
        return not scripts <= _TOGETHER
    return bool(scripts & {"CYRILLIC", "GREEK"}) and _READ_AS_LATIN.issuperset(letters)
