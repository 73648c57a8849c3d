"""Replaces the parts of a template that depend on the account by placeholders, in any encoding, to any depth."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import partial

from controller.bundles.encodings import compressed, in_base64, in_json
from controller.bundles.encodings.table import encodings
from controller.bundles.residue.search import base64_forms
from controller.bundles.rewrite.contexts import hosts, uris
from controller.bundles.rewrite.contexts.boundaries import EXAMPLE, FORMER, LOOK_BACK
from controller.bundles.rewrite.contexts.links import Links
from controller.bundles.rewrite.contexts.paths import Holds
from controller.bundles.rewrite.contexts.windows_paths import WindowsPaths
from controller.bundles.rewrite.embedded_strings import embedded_strings
from controller.bundles.rewrite.fragments import Fragments
from controller.bundles.rewrite.needles import Hit, Needles, nothing
from controller.bundles.rewrite.placeholder_names import Names
from controller.bundles.rewrite.rewrite_report import Report
from controller.bundles.rewrite.templates import encoded, length_token
from controller.recipes.base import Replacement
from controller.recipes.php import serialized
from controller.recipes.places import Places
from shared.placeholders import token

#: Nested encodings beyond this depth are not decoded (fragments may nest 32 deep).
_MAX_DEPTH = 15
_AROUND_BYTES = 40
_BINARY_HEAD = 8192
_JSON_STRING = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
#: All bytes but A to Z.
_NO_CAPITALS = bytes(set(range(256)) - set(range(ord("A"), ord("Z") + 1)))
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")
_WITHOUT_END = "serialized values without end, rewritten as text"


class Rewriter:
    """Rewrites one template's values and text files.

    `replacements` maps bytes to values, `fragments` and `report` collect results. Objects in serialized data are never
    made; class names are never rewritten.

    A host with `www.` in front becomes the same value as the host without: the new shop answers to one name only.
    With `root_links`, for templates at the root of their domain, links in values that begin with a slash follow the
    shop into a folder; for other templates, links to their own folder do.
    """

    def __init__(
        self, nonce: str, replacements: Sequence[Replacement], fragments: Fragments, report: Report, *,
        root_links: bool = False, holds: Holds | None = None,
    ) -> None:  # fmt: skip
        self._nonce = nonce
        self._names = Names(nonce)
        #: Whether the input already has placeholders, as recipes put them into files.
        self._marked = False
        folders = [one.old for one in replacements if one.kind == "uri"]
        self._links = Links(root_links, folders)
        self._has_links = root_links or bool(folders)
        self._holds = holds or nothing
        self._needles = Needles(replacements, self._holds)
        self._windows = WindowsPaths(one.old for one in replacements if one.kind == "path")
        self._structures = [(name, one.structure) for name, one in encodings().items() if one.structure is not None]
        self._is_file = self._is_example = False
        self._fragments = fragments
        self._report = report
        # A text with a longer needle also holds the shorter one in it
        shortest = [old for old in self._needles.olds if not any(o != old and o in old for o in self._needles.olds)]
        texts = [text for old in shortest for text in _coded_as(old)]
        coded = dict.fromkeys(form for text in texts for form in base64_forms(text))
        self._coded = [(form.translate(None, _NO_CAPITALS), form) for form in coded]
        self._fewest_capitals = min((len(own) for own, _ in self._coded), default=0)
        self._hexes = [old.hex().encode("ascii") for old in shortest if len(old) >= 8]

    def rewrite_text(self, data: bytes, place: str) -> bytes:
        """Return a value as a template; the same object when nothing in it depends on the account."""
        self._is_file = self._is_example = False
        self._marked = self._names.mark in data
        return self._value(data, place, ())

    def rewrite_file(self, data: bytes, place: str, is_example: bool = False) -> bytes:
        """Return a text file as a template, the same object when nothing changed; other files are only searched.

        In examples (see `rewrite.contexts.examples`) a host that every machine has and the template's folder stay.
        """
        self._is_file, self._is_example = True, is_example
        if compressed.is_packed(data):
            self._look_into(data, place)
            return data
        if b"\0" in data[:_BINARY_HEAD] and not serialized.is_start(data):
            if self._needles.may_hold(data):
                self._search(data, place, "binary")
            return data
        if not (self._needles.may_hold(data) or self._has_coded(data)):
            return data
        self._marked = self._names.mark in data
        return self._value(data, place, ())

    def _value(self, data: bytes, place: str, inside: tuple[str, ...]) -> bytes:
        """Return `data` as a template; `inside` names the encodings already removed.

        Raises ShoplaunchError `template_occupied`: an encoded mark in the input would be filled like one of our own.
        """
        if not self._marked:
            self._names.check_free(data, place)
        if len(data) < self._needles.shortest:
            return data
        if len(inside) < _MAX_DEPTH:
            for reader in (self._serialized, self._json, self._base64, self._wrapped):
                template = reader(data, place, inside)
                if template is not None:
                    return template
        if compressed.is_packed(data):
            self._look_into(data, place)
            return data
        if b"\0" in data:
            self._search(data, place, "binary")
            return data
        return self._text(data, place, inside)

    # -- whole values: each returns None when the value is of another kind

    def _serialized(self, data: bytes, place: str, inside: tuple[str, ...]) -> bytes | None:
        if not serialized.is_start(data):
            return None
        try:
            texts, end = serialized.scan(data)
        except serialized.Broken:
            if self._needles.any_in(data):
                # PHP cannot read it either: it is filled like any text, and nothing is lost
                self._report.note(place, "serialized value with wrong lengths, rewritten as text")
            return None
        if data[end:].strip(b" \t\r\n\0"):
            return None
        template = self._with_texts(data, 0, end, texts, place, inside)
        return data if template is data else template + data[end:]

    def _with_texts(
        self,
        data: bytes,
        start: int,
        end: int,
        texts: list[serialized.Text],
        place: str,
        inside: tuple[str, ...],
    ) -> bytes:
        """Return a serialized value with its strings rewritten and measured; `data` itself when none changed."""
        parts, last, key = [], start, b""
        for text in texts:
            body = data[text.body : text.body_end]
            is_host = hosts.is_key_of_host(key) and data[text.head - 2 : text.head] == b'";'
            key = body if text.is_key or text.is_property else b""
            if text.is_property:
                if self._needles.any_in(body):
                    self._report.leave(place, "name of a property", body)
                continue
            inner = serialized.unescaped(body) if text.kind == "S" else body
            template = (self._host if is_host else self._value)(inner, place, (*inside, "serialized"))
            if template is inner:
                continue
            parts.append(data[last : text.head])
            length, content = self._measured(template)
            closing = (b"s:", b':"', b'";') if text.kind != "C" else (b":", b":{", b"}")
            parts.append(closing[0] + length + closing[1] + content + closing[2])
            last = text.body_end + len(closing[2])
        if not parts:
            return data
        return b"".join(parts) + data[last:end]

    def _measured(self, template: bytes) -> tuple[bytes, bytes]:
        """Return (length, content) placeholders for a string of serialized data."""
        length = length_token(template, self._nonce)
        if length is not None:
            return length, template
        return self._fragments.token(template, "len"), self._fragments.token(template, "raw")

    def _json(self, data: bytes, place: str, inside: tuple[str, ...]) -> bytes | None:
        if data.lstrip()[:1] not in (b"{", b"[", b'"'):
            return None
        try:
            json.loads(data, strict=False)
        except (ValueError, RecursionError):
            return None
        changed = False

        def string(found: re.Match[bytes]) -> bytes:
            nonlocal changed
            if len(found.group(1)) < self._needles.shortest:
                return found.group()
            wrapped = in_json.decoded(found.group(1))
            if wrapped is None:
                # Half a surrogate pair: the rest of the text reads the same
                template = self._text(found.group(1), place, (*inside, "json"))
                changed |= template is not found.group(1)
                return b'"' + template + b'"'
            is_host = hosts.is_below_key_of_host(data[max(0, found.start() - LOOK_BACK) : found.start()])
            template = (self._host if is_host else self._value)(wrapped.inner, place, (*inside, "json"))
            if template is wrapped.inner:
                return found.group()
            changed = True
            return b'"' + encoded(template, self._nonce, wrapped.step, wrapped.encode) + b'"'

        rewritten = _JSON_STRING.sub(string, data)
        return rewritten if changed else data

    def _base64(self, data: bytes, place: str, inside: tuple[str, ...]) -> bytes | None:
        inner = in_base64.inner(data)
        if inner is None:
            other = in_base64.other(data)
            if other is not None and self._needles.any_in(other):
                self._report.leave(place, "base64 in an unusual spelling", b"")
                return data
            return None
        template = self._value(inner, place, (*inside, "base64"))
        if template is inner:
            # It may also be a word that only looks like base64
            return None
        return self._fragments.token(template, "base64")

    def _wrapped(self, data: bytes, place: str, inside: tuple[str, ...]) -> bytes | None:
        for name, decode in self._structures:
            wrapped = decode(data)
            if wrapped is None or not _is_structure(wrapped.inner):
                continue
            template = self._value(wrapped.inner, place, (*inside, name))
            return data if template is wrapped.inner else encoded(template, self._nonce, wrapped.step, wrapped.encode)
        return None

    def _host(self, data: bytes, place: str, inside: tuple[str, ...]) -> bytes:
        """Return a setting's value that is a host as a template, as if it stood in running text."""
        if not self._marked:
            self._names.check_free(data, place)
        asked = hosts.ASKED + data
        template = self._plain(asked, len(hosts.ASKED), len(asked), place, inside)
        return data if template == data else template

    # -- running text

    def _has_coded(self, data: bytes) -> bool:
        """Return whether base64 of a needle stands in `data`.

        Its capitals must occur consecutively among the capitals of `data`: these are few, and quickly searched.
        """
        capitals = data.translate(None, _NO_CAPITALS)
        if len(capitals) < self._fewest_capitals:
            return False
        return any(own in capitals and form in data for own, form in self._coded)

    def _text(self, data: bytes, place: str, inside: tuple[str, ...]) -> bytes:
        """Return running text as a template; serialized values and base64 within it are decoded too."""
        has_needles = self._needles.any_in(data) or self._has_link(data)
        has_coded = self._has_coded(data)
        if any(form in data for form in self._hexes):
            self._report.leave(place, "in hexadecimal", b"")
        if not has_needles and not has_coded:
            return data
        parts: list[bytes] = []
        last = 0
        for start, end, template in self._embedded(data, place, inside, has_coded):
            parts += [self._plain(data, last, start, place, inside), template]
            last = end
        parts.append(self._plain(data, last, len(data), place, inside))
        rewritten = b"".join(parts)
        return data if rewritten == data else rewritten

    def _embedded(
        self, data: bytes, place: str, inside: tuple[str, ...], has_coded: bool
    ) -> list[tuple[int, int, bytes]]:
        """Return (start, end, template) of the encoded values inside a text that hold needles, from left to right."""
        found: list[tuple[int, int, bytes]] = []
        if len(inside) >= _MAX_DEPTH:
            return found
        for start, texts, end in serialized.embedded(data, partial(self._report.note, place, _WITHOUT_END)):
            template = self._with_texts(data, start, end, texts, place, inside)
            if template is not data:
                found.append((start, end, template))
        found += self._embedded_strings(data, place, inside, found)
        if has_coded:
            found += self._base64_runs(data, place, inside, found)
        return sorted(found)

    def _embedded_strings(
        self, data: bytes, place: str, inside: tuple[str, ...], taken: list[tuple[int, int, bytes]]
    ) -> list[tuple[int, int, bytes]]:
        """Return serialized strings whose quotes are encoded (inside code, markup, an address or another string)."""
        found: list[tuple[int, int, bytes]] = []
        known = Places((start, end) for start, end, _ in taken)
        for one in embedded_strings(data, partial(self._report.note, place, _WITHOUT_END)):
            concerned = self._needles.any_in(one.body) or self._has_link(one.body)
            if not concerned or not known.take(one.start, one.end):
                continue
            as_it_is = data[one.start : one.end]
            if one.wrapped is None:
                self._report.leave(place, "serialized string inside an unknown escaping", one.body[:_AROUND_BYTES])
                found.append((one.start, one.end, as_it_is))
                continue
            template = self._value(one.wrapped.inner, place, (*inside, "serialized"))
            if template is not one.wrapped.inner:
                length, content = self._measured(template)
                shown = encoded(content, self._nonce, one.wrapped.step, one.wrapped.encode)
                as_it_is = one.lead + length + one.middle + shown + one.closing
            found.append((one.start, one.end, as_it_is))
        return found

    def _base64_runs(
        self, data: bytes, place: str, inside: tuple[str, ...], taken: list[tuple[int, int, bytes]]
    ) -> list[tuple[int, int, bytes]]:
        found: list[tuple[int, int, bytes]] = []
        known = Places((start, end) for start, end, _ in taken)
        for run in _BASE64_RUN.finditer(data):
            if not self._has_coded(run.group()) or known.meet(run.start(), run.end()):
                continue
            template = self._base64(run.group(), place, inside)
            if template is not None and template is not run.group():
                found.append((run.start(), run.end(), template))
            elif template is None:
                self._report.leave(place, "base64 that cannot be taken apart", b"")
        return found

    def _plain(self, data: bytes, start: int, end: int, place: str, inside: tuple[str, ...]) -> bytes:
        """Return `data[start:end]` with its needles replaced; the text around it counts as context."""
        slashed = self._windows.with_slashes(data[start:end])
        if slashed != data[start:end]:
            data, end = data[:start] + slashed + data[end:], start + len(slashed)
        parts, last = [], start
        for hit in self._needles.hits(data, start, end):
            around = data[max(0, hit.start - _AROUND_BYTES) : hit.end + _AROUND_BYTES]
            problem = hit.problem or self._problem_in_file(hit, data)
            if problem:
                self._report.leave(place, problem, around)
                continue
            self._report.rewritten(_form(hit.steps, inside), place, hit.one.old)
            parts += [data[last : hit.start], token(self._nonce, hit.value, hit.steps)]
            last = hit.end
        plain = b"".join(parts) + data[last:end]
        return self._with_links(plain, place, inside) if self._has_link(plain) else plain

    def _problem_in_file(self, hit: Hit, data: bytes) -> str:
        """Return why a needle that stands as a whole stays in this kind of file; "" when it does not."""
        is_folder = hit.one.kind == "uri"
        if self._is_example and (is_folder or hosts.is_of_weak(hit.one)):
            return EXAMPLE
        if self._is_file and hit.one.kind == "former":
            return FORMER
        if not (self._is_file and is_folder):
            return ""
        before, after = data[max(0, hit.start - LOOK_BACK) : hit.start], data[hit.end : hit.end + LOOK_BACK]
        return uris.problem_of(before, after, self._holds)

    def _has_link(self, data: bytes) -> bool:
        # Code builds its own links: a path in it may be meant literally
        return self._has_links and not self._is_file and self._links.is_in(data)

    def _with_links(self, data: bytes, place: str, inside: tuple[str, ...]) -> bytes:
        def filled(steps: str) -> bytes:
            self._report.rewritten(_form(steps, inside), place)
            return bytes(token(self._nonce, "base_uri", steps))

        return self._links.filled(data, filled)

    def _look_into(self, packed: bytes, place: str) -> None:
        inner = compressed.unpacked(packed)
        if inner is not None and self._needles.may_hold(inner) and self._needles.any_in(inner):
            self._report.leave(place, "compressed", b"")

    def _search(self, data: bytes, place: str, reason: str) -> None:
        for hit in self._needles.hits(data):
            self._report.leave(
                place, hit.problem or reason, data[max(0, hit.start - _AROUND_BYTES) : hit.end + _AROUND_BYTES]
            )


def _coded_as(old: bytes) -> tuple[bytes, ...]:
    """Return the texts to search for in base64: for a name too short for that, the beginning of an address."""
    is_short = not base64_forms(old) and b"/" not in old
    return (b"http://" + old, b"https://" + old, b":\\/\\/" + old, b"%3A%2F%2F" + old) if is_short else (old,)


def _is_structure(data: bytes) -> bool:
    return serialized.is_start(data) or data.lstrip()[:1] in (b"{", b"[")


def _form(steps: str, inside: tuple[str, ...]) -> str:
    """Return a needle's encoding from the inside out: `json in serialized in base64`."""
    own = [] if steps == "raw" else steps.split(".")
    return " in ".join([*own, *reversed(inside)]) or "plain"
