"""Finds needles: the template's strings in any spelling, where they stand as a whole."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from controller.bundles.encodings.table import spelled
from controller.bundles.rewrite.contexts import hosts
from controller.bundles.rewrite.contexts import paths as path_contexts
from controller.bundles.rewrite.contexts.boundaries import (
    LONGER_ADDRESS,
    LONGER_NAME,
    LOOK_BACK,
    NOT_BEGINNING,
    QUOTE_BEFORE,
    SLASH,
    is_joined_after,
    is_joined_before,
)
from controller.bundles.rewrite.contexts.hosts import SCHEME_BEFORE, URL_BEFORE
from controller.bundles.rewrite.contexts.paths import Holds
from controller.recipes.base import Replacement
from controller.recipes.location import paths
from shared.errors import ShoplaunchError

#: Nested encodings are recognised in running text down to this depth (in values: to any).
_DEPTH = 3
#: An address without its scheme, as people write it: a host between words, followed by a path.
_LOOSE_BEFORE = re.compile(rb"(?:^|[\s\"'>(,;]|&quot;|&gt;|\\+[nrt])$")
_LOOSE_AFTER = re.compile(SLASH)
_URL_AFTER = re.compile(rb"%(25)?(?:2[Ff]|3[Aa]|3[Ff]|26|23|22)")
#: A database's name may be followed by a file extension, but not by any other character of names.
_NAME_GOES_ON = re.compile(rb"[A-Za-z0-9_\x80-\xff-]")
_ANY_CASE = ("domain", "former", "host", "email")
#: Kinds of needles that are hosts, and those with which an address of the shop begins.
_HOSTS = ("domain", "former", "host")
_OF_ADDRESSES = ("domain", "former")


@dataclass(frozen=True)
class Hit:
    """A needle found: `steps` is its encoding there. `problem` is the reason not to replace it, if any."""

    start: int
    end: int
    one: Replacement
    value: str
    steps: str
    problem: str = ""


@dataclass(frozen=True)
class _Spelling:
    """A needle as it may be written; `text` is in lower case when it is found in any case."""

    text: bytes
    replacement: Replacement
    steps: str
    any_case: bool


@lru_cache(maxsize=64)
def spellings(old: bytes) -> dict[bytes, str]:
    """Return every recognised spelling of `old` -> the encoding steps that make it."""
    found, latest, known = {old: "raw"}, {old: ""}, list(spelled())
    for _ in range(_DEPTH):
        longer: dict[bytes, str] = {}
        # A spelling found before is not followed again: it would give the same ones
        for (text, steps), (step, spell) in itertools.product(latest.items(), known):
            coded = spell(text)
            if coded not in found:
                found[coded] = longer[coded] = f"{steps}.{step}".lstrip(".")
        latest = longer
    return found


def nothing(_path: bytes) -> bool:
    """Return False: no entry is known below the template's root."""
    return False


class Needles:
    """Finds the template's strings in text. Domains, e-mail addresses and Windows paths are found in any case.

    `holds` returns whether an entry exists below the template's root, for roots too short to be certain.
    Raises ShoplaunchError `recipe_invalid` for a path that is not absolute: it would be found in any text.
    """

    def __init__(self, replacements: Sequence[Replacement], holds: Holds = nothing) -> None:
        for one in replacements:
            if one.kind == "path" and paths.absolute(one.old.decode("utf-8", "replace")) is None:
                raise ShoplaunchError(
                    "recipe_invalid", f"the path {one.old.decode('utf-8', 'replace')!r} is not absolute"
                )
        self._holds = holds
        known: dict[bytes, _Spelling] = {}
        for one in sorted(replacements, key=lambda each: len(each.old), reverse=True):
            for text, steps in spellings(one.old).items():
                folded = _folded(text, one)
                known.setdefault(folded, _Spelling(folded, one, steps, _is_any_case(one)))
        longest_first = sorted(known.values(), key=lambda spelling: len(spelling.text), reverse=True)
        places = {spelling: place for place, spelling in enumerate(longest_first)}
        self._known = [
            (_cores(one.old.lower()), [each for each in longest_first if each.replacement is one])
            for one in replacements
        ]
        self._place_of = places.__getitem__
        folded_olds = dict.fromkeys(one.old.lower() for one in replacements)
        # A text with a longer needle also holds the shorter one in it
        shortest = [old for old in folded_olds if not any(one != old and one in old for one in folded_olds)]
        self._by_core = _by_rarest_core(shortest)
        self._last: tuple[bytes, tuple[_Spelling, ...]] = (b"", ())
        self.shortest = min((len(one.old) for one in replacements), default=1 << 30)
        self.olds = [one.old for one in replacements]

    def may_hold(self, data: bytes) -> bool:
        """Return quickly whether `data` can hold a needle in any spelling but base64 (never wrongly False)."""
        folded = data.lower()
        near = [each for core, those in self._by_core.items() if core in folded for each in those]
        return any(all(core in folded for core in others) and order.search(folded) for others, order in near)

    def any_in(self, data: bytes) -> bool:
        """Return whether a needle stands in `data`, whatever its context."""
        return bool(self._present(data))

    def hits(self, data: bytes, at: int = 0, end: int | None = None) -> Iterator[Hit]:
        """Yield the needles between `at` and `end`, from left to right, never overlapping."""
        present = self._present(data)
        if not present:
            return
        pattern = _pattern_of(present)
        last = len(data) if end is None else end
        while True:
            found = pattern.search(data, at, last)
            if found is None:
                return
            hit = _judged(present, data, found.start(), last, self._holds)
            yield hit
            at = hit.end if not hit.problem else hit.start + 1

    def _present(self, data: bytes) -> tuple[_Spelling, ...]:
        """Return the spellings that occur in `data`, the longest first."""
        # The pieces of one text are searched one after the other
        if self._last[0] is data:
            return self._last[1]
        if not self.may_hold(data):
            return ()
        folded = data.lower()
        found = [
            one
            for cores, known in self._known
            if all(core in folded for core in cores)
            for one in known
            if one.text in (folded if one.any_case else data)
        ]
        self._last = (data, tuple(sorted(found, key=self._place_of)))
        return self._last[1]


@lru_cache(maxsize=256)
def _pattern_of(present: tuple[_Spelling, ...]) -> re.Pattern[bytes]:
    """Return the pattern that finds where one of a few spellings begins: far faster than one of them all."""
    texts = [(b"(?i:%b)" if one.any_case else b"%b") % re.escape(one.text) for one in present]
    return re.compile(b"|".join(texts))


def _judged(present: tuple[_Spelling, ...], data: bytes, start: int, last: int, holds: Holds) -> Hit:
    """Return the longest needle at `start` that stands as a whole, else the longest with its problem."""
    first: Hit | None = None
    for spelling in present:
        one, end = spelling.replacement, start + len(spelling.text)
        if end > last or _folded(data[start:end], one) != spelling.text:
            continue
        problem = _problem_around(data, start, end, one, holds)
        if not problem:
            steps = _context(data, start, end, one.kind, spelling.steps)
            if one.kind in _OF_ADDRESSES and (one.value != "domain" or _begins_an_address(data, start, end, one)):
                is_plain = steps == "raw" or data[max(0, start - 3) : start] == b"://"
                spelled = _as_slashes_are(data, start, end) if is_plain else steps
                stop = hosts.end_of_port(data, end, last)
                return Hit(start, stop, one, one.address or one.value, spelled)
            return Hit(start, end, one, one.value, steps)
        first = first or Hit(start, end, one, one.value, spelling.steps, problem)
    assert first is not None
    return first


def _is_any_case(one: Replacement) -> bool:
    return one.kind in _ANY_CASE or (one.kind == "path" and paths.is_windows(one.old))


def _folded(text: bytes, one: Replacement) -> bytes:
    return text.lower() if _is_any_case(one) else text


def _parts(old: bytes) -> list[bytes]:
    return [part for part in re.split(rb"[^A-Za-z0-9_]+", old) if part]


def _cores(old: bytes) -> list[bytes]:
    """Return the parts of `old` that no encoding changes, the longest (and so rarest) first."""
    return sorted(set(_parts(old)), key=lambda part: (-len(part), part))


def _by_rarest_core(olds: Sequence[bytes]) -> dict[bytes, list[tuple[list[bytes], re.Pattern[bytes]]]]:
    """Return the rarest core -> the other cores and the pattern of each needle; needles of one host share it."""
    found: dict[bytes, list[tuple[list[bytes], re.Pattern[bytes]]]] = {}
    for old in olds:
        rarest, *others = _cores(old) or [b""]
        found.setdefault(rarest, []).append((others, _in_order(old)))
    return found


def _in_order(old: bytes) -> re.Pattern[bytes]:
    """Return the pattern of the parts of `old` in any spelling: in order, and no farther apart."""
    parts = _parts(old)
    between = max(len(text) for text in spellings(old)) - sum(len(part) for part in parts)
    return re.compile((b".{0,%d}" % between).join(parts), re.DOTALL)


def _problem_around(data: bytes, start: int, end: int, one: Replacement, holds: Holds) -> str:
    """Return why the needle at `start` is part of something else; "" when it stands as a whole."""
    before, after = data[max(0, start - LOOK_BACK) : start], data[end : end + LOOK_BACK]
    if one.kind in _HOSTS:
        return hosts.problem_of(before, after, one.old, one.kind)
    if one.kind == "path":
        return path_contexts.problem_of(before, after, one.old, holds)
    if one.kind == "secret":
        return ""
    if one.kind == "name":
        return LONGER_NAME if is_joined_before(before, b"_-") or _NAME_GOES_ON.match(after) else ""
    if one.kind == "email":
        return LONGER_ADDRESS if is_joined_before(before, b"._+-") or is_joined_after(after) else ""
    return "" if not before or QUOTE_BEFORE.search(before) else NOT_BEGINNING


def _begins_an_address(data: bytes, start: int, end: int, one: Replacement) -> bool:
    """Return whether the host at `start` begins an address of the shop, which has a path, maybe an empty one."""
    before = data[max(0, start - LOOK_BACK) : start]
    if not one.address:
        return False
    slashes = URL_BEFORE.search(before)
    if slashes is None:
        return bool(_LOOSE_BEFORE.search(before) and _LOOSE_AFTER.match(data, end))
    scheme = SCHEME_BEFORE.search(before[: slashes.start()])
    is_web = not slashes.group(1) and (scheme is None or scheme.group(1).lower().endswith((b"http", b"https")))
    return is_web and not hosts.is_origin(data, start, end)


def _as_slashes_are(data: bytes, start: int, end: int) -> str:
    """Return the encoding of an address whose host reads the same in several: that of the slashes next to it."""
    before, after = data[max(0, start - LOOK_BACK) : start], data[end : end + LOOK_BACK]
    found = next((steps for text, steps in _longest_first(b"//") if before.endswith(text)), None)
    if found is None:
        found = next((steps for text, steps in _longest_first(b"/") if after.startswith(text)), "raw")
    return found


@lru_cache(maxsize=2)
def _longest_first(old: bytes) -> list[tuple[bytes, str]]:
    return sorted(spellings(old).items(), key=lambda one: len(one[0]), reverse=True)


def _context(data: bytes, start: int, end: int, kind: str, steps: str) -> str:
    """Return the steps of a needle that reads the same plain and URL-encoded, judged by the neighbouring bytes."""
    if kind not in _HOSTS or steps != "raw":
        return steps
    url = re.search(rb"%(25)?2[Ff]%(?:25)?2[Ff]$", data[max(0, start - 12) : start]) or _URL_AFTER.match(data, end)
    if url is None:
        return steps
    return "url.url" if url.group(1) else "url"
