"""Needles: what of the template is looked for, in which spellings, and what may stand beside it."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from controller.recipes.base import Replacement

_Spell = Callable[[bytes], bytes]


def _json(value: bytes) -> bytes:
    return json.dumps(value.decode("utf-8", "surrogateescape"))[1:-1].encode("ascii")


def _dots(value: bytes) -> bytes:
    return re.sub(rb"([.\\])", rb"\\\1", value)


#: How each encoding step may have been spelled by whoever wrote the template's text.
_SPELLINGS: tuple[tuple[str, _Spell], ...] = (
    ("json", lambda value: _json(value).replace(b"/", b"\\/")),
    ("jsonplain", _json),
    ("url", lambda value: quote(value, safe="").encode("ascii")),
    ("url", lambda value: re.sub(rb"%..", lambda hit: hit.group().lower(), quote(value, safe="").encode("ascii"))),
    ("regex", _dots),
    ("regex", lambda value: re.sub(rb"([.\\/])", rb"\\\1", value)),
    ("regex", lambda value: re.sub(rb"([.\\+*?\[^\]$(){}=!<>|:\-#/])", rb"\\\1", value)),
    ("json", lambda value: _json(value).replace(b"/", b"\\u002f")),
    ("json", lambda value: _json(value).replace(b"/", b"\\u002F")),
    ("html", lambda value: value.replace(b"/", b"&#x2F;")),
    ("html", lambda value: value.replace(b"/", b"&#x2f;")),
    ("html", lambda value: value.replace(b"/", b"&#47;")),
    ("html", lambda value: value.replace(b"/", b"&#047;")),
)
#: Encodings inside one another are recognised in running text down to this depth (in values: to any).
_DEPTH = 3
_ESCAPE_BEFORE = re.compile(
    rb"(?:%(?:25)*([0-9A-Fa-f]{2})|\\+u00([0-9A-Fa-f]{2})|\\+[xX]([0-9A-Fa-f]{2})|\\+[nrtbfv0])$"
)
_SLASH = rb"(?:\\*/|%(?:25)*2[Ff]|\\+u002[Ff]|&#x2[Ff];|&#0?47;)"
_URL_BEFORE = re.compile(_SLASH + rb"{2}([A-Za-z0-9._~-]*@)?$")
#: Before them: what is spoken there. Protocols other than http know nothing of a shop's folder.
_SCHEME_BEFORE = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*)\\*(?::|%(?:25)*3[Aa]|\\+u003[Aa]|&#x3[Aa];|&#0?58;)$")
#: An address without its scheme, as people write it: a host between words, and a path behind.
_LOOSE_BEFORE = re.compile(rb"(?:^|[\s\"'>(,;]|&quot;|&gt;|\\+[nrt])$")
_LOOSE_AFTER = re.compile(_SLASH)
_URL_AFTER = re.compile(rb"%(25)?(?:2[Ff]|3[Aa]|3[Ff]|26|23|22)")
_SUBDOMAIN_BEFORE = re.compile(rb"[A-Za-z0-9_-]\\*\.$")
_PORT_AFTER = re.compile(rb"(?::|%(?:25)*3[Aa])([0-9]{2,5})(?![0-9])")
#: Names of files, where the domain is part of one.
_EXTENSION_AFTER = re.compile(
    rb"\.(?:jpe?g|png|gif|webp|svg|ico|pdf|csv|xml|html?|txt|zip|t?gz|sql|php|js|css|json|log|conf|crt|key|pem|bak)"
    rb"(?![A-Za-z0-9-])",
    re.IGNORECASE,
)
_QUOTE_BEFORE = re.compile(rb"(?:[\"'(=]|&quot;|&#0?39;|%22|%27|\\u0022)$")
_LOOK_BACK = 80
_ANY_CASE = ("domain", "email")


#: Why a needle is not replaced: it is part of something else that belongs to nobody's move.
SUBDOMAIN = "a sub-domain"
LONGER_NAME = "part of a longer name"
LONGER_PATH = "part of a longer path"
LONGER_ADDRESS = "part of a longer address"
ANOTHER_PORT = "with another port"
COMMON_WORD = "a common word outside an address"
NOT_BEGINNING = "not the beginning of an address"
SOMETHING_ELSE = frozenset(
    {SUBDOMAIN, LONGER_NAME, LONGER_PATH, LONGER_ADDRESS, ANOTHER_PORT, COMMON_WORD, NOT_BEGINNING}
)


@dataclass(frozen=True)
class Hit:
    """A needle found: `steps` is how it is encoded there. `problem` says why it is not to be replaced, if so."""

    start: int
    end: int
    value: str
    steps: str
    problem: str = ""


@dataclass(frozen=True)
class _Spelling:
    """A needle as it may be written; `text` is in small letters when it is found in any case."""

    text: bytes
    replacement: Replacement
    steps: str
    any_case: bool


@lru_cache(maxsize=64)
def spellings(old: bytes) -> dict[bytes, str]:
    """Return every spelling of `old` under which it is recognised -> the encoding steps that make it."""
    found = {old: "raw"}
    for depth in range(1, _DEPTH + 1):
        for chain in itertools.product(_SPELLINGS, repeat=depth):
            text = old
            for _, spell in chain:
                text = spell(text)
            found.setdefault(text, ".".join(step for step, _ in chain))
    return found


def is_weak_domain(domain: bytes) -> bool:
    """Tell whether a host's name is too common a word to be replaced outside addresses (`localhost`, `127.0.0.1`)."""
    return b":" not in domain and (b"." not in domain or re.fullmatch(rb"[0-9.]+", domain) is not None)


class Needles:
    """Finds the template's strings in text. Domains and e-mail addresses are found in any case."""

    def __init__(self, replacements: Sequence[Replacement]) -> None:
        known: dict[bytes, _Spelling] = {}
        for one in sorted(replacements, key=lambda each: len(each.old), reverse=True):
            for text, steps in spellings(one.old).items():
                folded = _folded(text, one.kind)
                known.setdefault(folded, _Spelling(folded, one, steps, one.kind in _ANY_CASE))
        longest_first = sorted(known.values(), key=lambda spelling: len(spelling.text), reverse=True)
        self._known = [(spelling.text, spelling.any_case, spelling) for spelling in longest_first]
        self._cores = [(_cores(one.old.lower()), _in_order(one.old.lower())) for one in replacements]
        self._last: tuple[bytes, tuple[_Spelling, ...]] = (b"", ())
        self.shortest = min((len(one.old) for one in replacements), default=1 << 30)
        self.olds = [one.old for one in replacements]

    def may_hold(self, data: bytes) -> bool:
        """Tell quickly whether `data` can hold a needle in any spelling but base64 (never wrongly False)."""
        folded = data.lower()
        return any(all(core in folded for core in cores) and near.search(folded) for cores, near in self._cores)

    def any_in(self, data: bytes) -> bool:
        """Tell whether a needle stands in `data`, whatever stands beside it."""
        return bool(self._present(data))

    def hits(self, data: bytes, at: int = 0, end: int | None = None) -> Iterator[Hit]:
        """Yield what is found between `at` and `end`, from left to right, never overlapping."""
        present = self._present(data)
        if not present:
            return
        pattern = _pattern_of(present)
        last = len(data) if end is None else end
        while True:
            found = pattern.search(data, at, last)
            if found is None:
                return
            hit = _judged(present, data, found.start(), last)
            yield hit
            at = hit.end if not hit.problem else hit.start + 1

    def _present(self, data: bytes) -> tuple[_Spelling, ...]:
        """Return the spellings that occur in `data`, the longest first."""
        if not self.may_hold(data):
            return ()
        # The pieces of one text are looked at one after the other
        if self._last[0] is not data:
            folded = data.lower()
            found = [one for text, any_case, one in self._known if text in (folded if any_case else data)]
            self._last = (data, tuple(found))
        return self._last[1]


@lru_cache(maxsize=256)
def _pattern_of(present: tuple[_Spelling, ...]) -> re.Pattern[bytes]:
    """Return the pattern that finds where one of a few spellings begins: far quicker than one of them all."""
    texts = [(b"(?i:%b)" if one.any_case else b"%b") % re.escape(one.text) for one in present]
    return re.compile(b"|".join(texts))


def _judged(present: tuple[_Spelling, ...], data: bytes, start: int, last: int) -> Hit:
    """Return the longest needle at `start` that stands as a whole, else the longest with its problem."""
    first: Hit | None = None
    for spelling in present:
        one, end = spelling.replacement, start + len(spelling.text)
        if end > last or _folded(data[start:end], one.kind) != spelling.text:
            continue
        problem = _beside(data, start, end, one)
        if not problem:
            steps = _context(data, start, end, one.kind, spelling.steps)
            if one.kind == "domain" and (one.value != "domain" or _begins_an_address(data, start, end, one)):
                spelled = _as_slashes_are(data, start, end) if steps == "raw" else steps
                return Hit(start, _behind_port(data, end, last), one.address or one.value, spelled)
            return Hit(start, end, one.value, steps)
        first = first or Hit(start, end, one.value, spelling.steps, problem)
    assert first is not None
    return first


def _folded(text: bytes, kind: str) -> bytes:
    return text.lower() if kind in _ANY_CASE else text


def _parts(old: bytes) -> list[bytes]:
    return [part for part in re.split(rb"[^A-Za-z0-9_]+", old) if part]


def _cores(old: bytes) -> list[bytes]:
    """Return the parts of `old` that no encoding changes, the longest (and so the rarest) first."""
    return sorted(set(_parts(old)), key=lambda part: (-len(part), part))


def _in_order(old: bytes) -> re.Pattern[bytes]:
    """Return the pattern of these parts as they stand in any spelling: in order, and no farther apart."""
    parts = _parts(old)
    between = max(len(text) for text in spellings(old)) - sum(len(part) for part in parts)
    return re.compile((b".{0,%d}" % between).join(parts), re.DOTALL)


def _beside(data: bytes, start: int, end: int, one: Replacement) -> str:
    """Return why the needle at `start` is part of something else; "" when it stands as a whole."""
    before, after = data[max(0, start - _LOOK_BACK) : start], data[end : end + _LOOK_BACK]
    if one.kind == "domain":
        return _beside_domain(before, after, one.old)
    if one.kind == "path":
        return LONGER_PATH if _joined_before(before, b"._-") or _joined_after(after) else ""
    if one.kind == "email":
        return LONGER_ADDRESS if _joined_before(before, b"._+-") or _joined_after(after) else ""
    return "" if not before or _QUOTE_BEFORE.search(before) else NOT_BEGINNING


def _beside_domain(before: bytes, after: bytes, domain: bytes) -> str:
    in_url = _URL_BEFORE.search(before) is not None
    if is_weak_domain(domain) and not in_url:
        return COMMON_WORD
    if not _ESCAPE_BEFORE.search(before) and _SUBDOMAIN_BEFORE.search(before):
        return SUBDOMAIN
    if _joined_before(before, b"-"):
        return LONGER_NAME
    if after[:1] in (b"-", b"_") and not in_url and not before.endswith(b"@"):
        return ""
    if _EXTENSION_AFTER.match(after) and not in_url and not before.endswith(b"@"):
        return ""
    if _joined_after(after):
        return LONGER_NAME
    port = _PORT_AFTER.match(after)
    if port and b":" not in domain.rpartition(b"//")[2] and port.group(1) not in (b"80", b"443"):
        return ANOTHER_PORT
    return ""


def _begins_an_address(data: bytes, start: int, end: int, one: Replacement) -> bool:
    """Tell whether the host at `start` is followed by a path of the shop, if only by an empty one."""
    before = data[max(0, start - _LOOK_BACK) : start]
    if not one.address:
        return False
    slashes = _URL_BEFORE.search(before)
    if slashes is None:
        return bool(_LOOSE_BEFORE.search(before) and _LOOSE_AFTER.match(data, end))
    scheme = _SCHEME_BEFORE.search(before[: slashes.start()])
    return not slashes.group(1) and (scheme is None or scheme.group(1).lower().endswith((b"http", b"https")))


def _as_slashes_are(data: bytes, start: int, end: int) -> str:
    """Return how an address is encoded whose host reads the same in several ways: as the slashes beside it are."""
    before, after = data[max(0, start - _LOOK_BACK) : start], data[end : end + _LOOK_BACK]
    found = next((steps for text, steps in _longest_first(b"//") if before.endswith(text)), None)
    if found is None:
        found = next((steps for text, steps in _longest_first(b"/") if after.startswith(text)), "raw")
    return found


@lru_cache(maxsize=2)
def _longest_first(old: bytes) -> list[tuple[bytes, str]]:
    return sorted(spellings(old).items(), key=lambda one: len(one[0]), reverse=True)


def _behind_port(data: bytes, end: int, last: int) -> int:
    """Return where the port of an address ends: the usual ones say nothing, and none may follow a folder."""
    port = _PORT_AFTER.match(data, end, last)
    return end if port is None else port.end()


def _is_word(char: bytes, more: bytes) -> bool:
    return char.isalnum() or char >= b"\x80" or char in [more[i : i + 1] for i in range(len(more))]


def _joined_before(before: bytes, more: bytes) -> bool:
    """Tell whether the last character belongs to the same word; `more` are characters besides letters and digits."""
    escape = _ESCAPE_BEFORE.search(before)
    if escape:
        digits = escape.group(1) or escape.group(2) or escape.group(3)
        return digits is not None and _is_word(bytes([int(digits, 16)]), more)
    return bool(before) and _is_word(before[-1:], more)


def _joined_after(after: bytes) -> bool:
    if not after:
        return False
    if after[:1] == b".":
        return len(after) > 1 and _is_word(after[1:2], b"_")
    return _is_word(after[:1], b"_-")


def _context(data: bytes, start: int, end: int, kind: str, steps: str) -> str:
    """Return the steps of a needle that reads the same plain and URL-encoded: its neighbours tell."""
    if kind != "domain" or steps != "raw":
        return steps
    url = re.search(rb"%(25)?2[Ff]%(?:25)?2[Ff]$", data[max(0, start - 12) : start]) or _URL_AFTER.match(data, end)
    if url is None:
        return steps
    return "url.url" if url.group(1) else "url"
