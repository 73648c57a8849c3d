"""Distinguishes words that people and programmers write from random characters."""

from __future__ import annotations

import re
import unicodedata

_SWITCHES = frozenset(
    b"0 1 true false on off yes no y n none null default auto enabled disabled enable disable active inactive".split()
)
#: Common passwords, and technical words; without digits and signs at the ends.
_COMMON = frozenset(
    b"""
    password passwd pass passwort admin administrator root user username test tester testing demo guest mysql mariadb
    database db sql localhost server prestashop presta wordpress wp woocommerce woo joomla magento drupal shop store
    shopping eshop webshop example sample secret changeme change letmein welcome qwerty qwertz azerty qwertyuiop asdf
    asdfgh asdfghjkl zxcvbn abc abcd abcdef abcdefg login master manager docker vagrant homestead laravel symfony php
    dev devel develop developer development local staging production prod live web www website site home hello world
    default none empty null toor foo bar foobar key token licence license standard basic pro free trial account mail
    email smtp sandbox iloveyou dragon monkey sunshine football superman princess
    """.split()
)
_LEET = bytes.maketrans(b"013457@$!", b"oleastasi")
_ENDS = b"0123456789!@#$%^&*()_-+=.?~ "
_SEPARATORS = re.compile(rb"[_\-. :\\/+]+")
_SLUG = re.compile(rb"[a-z]+[0-9]{0,3}(?:[-_:](?:[a-z]+[0-9]{0,3}|[0-9]{1,4}))+")
_HUMPS = re.compile(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_PART = re.compile(rb"([A-Za-z]+)([0-9]{0,4})")
#: `utf8mb4`
_MIXED = re.compile(rb"[a-z]{2,4}[0-9][a-z]{2,4}[0-9]?")
_RARE = re.compile(
    rb"q[^u]|[bcdfghjkmpsvwxz]x|j[bcdfghjklmnpqrstvwxz]|v[bcdfghjkmnpqtwxz]|[bcdfghjklmnpqstvwxz]q|[fhkmqvwx]z|z[bfjqrsx]"
    rb"|w[gjkmpvz]|x[bdfgjkmnrvwz]|[hkmpqvwx][jv]"
)
_MANY_CONSONANTS = re.compile(rb"[bcdfghjklmnpqrstvwxz]{6}")
_VOWELS = b"aeiouy"
#: The longest word, and the shortest average length of a name's parts.
_LONGEST_WORD = 22
_SHORTEST_HUMP = 2.5
#: A shorter text is a word in some language.
_SHORTEST_JUDGED = 5
#: A word directly followed by a number is a name up to this length: `utf8`, `sha256`.
_LONGEST_NUMBERED = 7


def is_switch(value: bytes) -> bool:
    """Return whether a value switches something on or off."""
    return value.lower() in _SWITCHES


def is_common(value: bytes) -> bool:
    """Return whether a password is a common one: a word of the list, maybe with digits after it or for letters."""
    folded = value.lower()
    stems = {folded, folded.strip(_ENDS), folded.translate(_LEET), folded.strip(_ENDS[10:]).translate(_LEET)}
    stems |= {stem.strip(_ENDS) for stem in stems}
    if stems & _COMMON:
        return True
    parts = [part for part in _SEPARATORS.split(folded) if part]
    return len(parts) > 1 and all(part.strip(_ENDS) in _COMMON or part.isdigit() for part in parts)


def is_identifier(value: bytes) -> bool:
    """Return whether a value consists of words, as do names of things, classes, languages and short texts."""
    parts = [part for part in _SEPARATORS.split(value) if part]
    spoken = numbered = 0
    for part in parts:
        if part.isdigit() and len(part) <= 4:
            continue
        found = _PART.fullmatch(part)
        if found is None and (_MIXED.fullmatch(part) or _is_other_script(part)):
            spoken += 1
            continue
        if found is None or not is_spoken(found.group(1)):
            return False
        spoken += 1
        numbered += bool(found.group(2))
    if not spoken or numbered > 1:
        return False
    return not numbered or len(parts) > 1 or len(value) <= _LONGEST_NUMBERED


def is_slug(value: bytes) -> bool:
    """Return whether a value is a slug: lower-case parts, each followed by a number at most.

    Words may be joined, to any length.
    """
    joined = value.isalpha() and value.islower() and value.isascii() and _sounds_like_words(value)
    return joined or _SLUG.fullmatch(value) is not None


def _is_other_script(part: bytes) -> bool:
    letters = part.decode("utf-8", "replace")
    return not part.isascii() and all(unicodedata.category(letter)[0] in "LM" for letter in letters)


def is_file_name(part: bytes) -> bool:
    """Return whether a part of a path is a name and no key."""
    if is_identifier(part) or re.fullmatch(rb"[0-9.]+|\.[a-z]{1,8}|[*{}\[\]$@%\w-]{1,5}", part):
        return True
    name, dot, extension = part.rpartition(b".")
    return bool(dot) and bool(re.fullmatch(rb"[A-Za-z0-9]{1,6}", extension)) and len(name) <= 64


def is_spoken(letters: bytes) -> bool:
    """Return whether letters (ASCII only) are one word or several in camel case."""
    humps = _HUMPS.findall(letters)
    if len(humps) > 2 and len(letters) / len(humps) < _SHORTEST_HUMP:
        return False
    return all(_is_word(hump.lower()) for hump in humps)


def _is_word(word: bytes) -> bool:
    return len(word) < _SHORTEST_JUDGED or (len(word) <= _LONGEST_WORD and _sounds_like_words(word))


def _sounds_like_words(word: bytes) -> bool:
    vowels = sum(word.count(vowel) for vowel in (_VOWELS[at : at + 1] for at in range(len(_VOWELS))))
    unlikely = len(_RARE.findall(word)) > len(word) // 12 or _MANY_CONSONANTS.search(word) is not None
    return 5 * vowels >= len(word) and not unlikely
