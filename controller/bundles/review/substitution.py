"""Replaces or removes a byte string in a text in any spelling; lengths of serialized strings are corrected."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

from controller.bundles.residue.search import base64_forms, spellings
from controller.recipes import escaped_signs
from controller.recipes.php import serialized
from controller.recipes.secrets import forms as secret_forms
from controller.recipes.secrets import parts as secret_parts


def substituted(data: bytes, old: bytes, new: bytes) -> bytes:
    """Return `data` with `old` replaced by `new` wherever it stands; the same object when it stands nowhere."""
    return _changed(data, lambda text: _plain(text, old, new))


def without_form(data: bytes, label: str, new: bytes) -> bytes:
    """Return `data` with the secrets of a known form replaced; the same object when there is none."""
    return _changed(data, lambda text: secret_forms.without(text, label, new))


def _changed(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    def changed(_name: str, text: bytes) -> bytes:
        made = _in_text(text, change)
        return text if made == text else made

    return secret_parts.changed("", data, changed)


def _in_text(text: bytes, change: Callable[[bytes], bytes]) -> bytes:
    parts, last = [], 0
    for start, _, end in serialized.embedded(text):
        if (start, end) == (0, len(text)):
            break
        parts += [change(text[last:start]), _changed(text[start:end], change)]
        last = end
    return b"".join(parts) + change(text[last:])


def _plain(text: bytes, old: bytes, new: bytes) -> bytes:
    for spell in spellings():
        text = text.replace(spell(old), spell(new))
    forms = base64_forms(old)
    bare = escaped_signs.plain(text)
    if not any(form in bare for form in forms):
        return text

    def inside(run: re.Match[bytes]) -> bytes:
        coded = escaped_signs.plain(run.group())
        if not any(form in coded for form in forms) or len(coded) % 4:
            return run.group()
        return escaped_signs.like(run.group(), base64.b64encode(base64.b64decode(coded).replace(old, new)))

    return escaped_signs.RUN.sub(inside, text)
