"""Reads PrestaShop's parameters.yml, in which each parameter is one line, without running anything."""

from __future__ import annotations

import re
from pathlib import Path

from controller.recipes.tree import template_files

YAML = "app/config/parameters.yml"
SAMPLE = "app/config/parameters.yml.dist"
_LINE = re.compile(
    rb"^[ \t]+(?P<quote>['\"]?)(?P<name>[A-Za-z_][\w.]*)(?P=quote)[ \t]*:(?:[ \t]+(?P<value>.*?))?[ \t\r]*$", re.M
)
_COMMENT = re.compile(rb"(?:^|[ \t]+)#.*\Z")
_SINGLE = re.compile(rb"'((?:[^']|'')*)'(?:[ \t]+#.*)?")
_DOUBLE = re.compile(rb'"((?:[^"\\]|\\.)*)"(?:[ \t]+#.*)?')
_NUMBER = re.compile(rb"-?[0-9]{1,18}")
_WORDS = {b"": None, b"~": None, b"null": None, b"true": True, b"false": False}
#: Values that go on in the following lines, or are lists: those of a shop's own settings are one word.
_COMPOUND = re.compile(rb"[\[{|>&*!]")
_ESCAPES = {b"n": b"\n", b"t": b"\t"}


def read(path: Path) -> dict[str, object]:
    """Return name -> value (bytes, int, bool, None) of the parameters at `path`; {} when there is no such file."""
    try:
        content = template_files.read(path)
    except OSError:
        return {}
    found = {}
    for line in _LINE.finditer(content):
        value = (line.group("value") or b"").strip()
        if not _COMPOUND.match(value):
            found[line.group("name").decode("ascii")] = _scalar(value)
    return found


def _scalar(value: bytes) -> object:
    single = _SINGLE.fullmatch(value)
    if single:
        return single.group(1).replace(b"''", b"'")
    double = _DOUBLE.fullmatch(value)
    if double:
        return re.sub(rb"\\(.)", lambda hit: _ESCAPES.get(hit.group(1), hit.group(1)), double.group(1))
    plain = _COMMENT.sub(b"", value)
    if plain.lower() in _WORDS:
        return _WORDS[plain.lower()]
    return int(plain) if _NUMBER.fullmatch(plain) else plain
