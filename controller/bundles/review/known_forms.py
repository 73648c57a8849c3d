"""Notices secrets that no setting names, by their form alone: in every row, file and file name that is packed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from controller.bundles.comments.blanking import without_secrets
from controller.bundles.comments.languages import language_of
from controller.bundles.residue.findings import SECRET, SUSPECTED, Finding, Place, masked
from controller.bundles.residue.search import Searcher
from controller.bundles.review.inner_texts import inner_texts
from controller.bundles.review.locate import key_without, name_of
from controller.bundles.source.database.snapshot import Table
from controller.bundles.source.servers.connections import Row
from controller.recipes.secrets import forms
from controller.recipes.secrets.forms import Met

#: Rows are searched together: a single row is too short to be worth a search. All are in memory.
_TOGETHER_BYTES = 64 * 1024
_TOGETHER_ROWS = 250
_BINARY_HEAD = 8192
_SHORTEST = 12
#: Third-party code and documents installed by a package manager; their tests hold keys made for tests.
_LIBRARY = re.compile(rb"(?:^|/)(?:vendor|node_modules|bower_components)/")
_DRAWN = re.compile(rb"\.(?:css|s[ac]ss|less|svg|pot?|map|xlf|lock)$", re.IGNORECASE)
#: Files with settings may hold them in base64, and code that does decodes it again.
_SETTINGS = re.compile(
    rb"(?:\.(?:json|ini|ya?ml|xml|env|txt|conf|cnf|config|properties|neon|toml|csv)|(?:^|/)[^.]*)$", re.IGNORECASE
)
_UNWRAPS = b"base64_decode"
#: Programs for the browser, which anybody can read; the large ones are bundles of libraries.
_PUBLIC = re.compile(rb"\.(?:[cm]?js|ts)$", re.IGNORECASE)
_LARGE = 64 * 1024
#: Files of an application's release: nobody writes settings there.
_RELEASE = re.compile(
    rb"^(?:wp-admin|wp-includes|src|classes|controllers|translations|localization|app/Resources|img|js|cache|tools)/"
)
#: The part of a value that every spelling keeps.
_SPELLED = re.compile(rb"%[0-9A-Fa-f]{2}|\\+[nrt]|[^0-9A-Za-z]")


#: The beginning of labels of secrets.
PREFIX = "secret "


@dataclass(frozen=True)
class Searched:
    """A file that was searched: its content to pack, its findings, and what was blanked in its comments."""

    content: bytes
    findings: list[Finding] = field(default_factory=list)
    blanked: list[Finding] = field(default_factory=list)


class KnownForms:
    """Collects findings; `secrets` are left to the final search, and not reported twice.

    Files that the final search does not take apart are also searched for `labelled` (label of findings -> the
    secrets, of which `suspected` are not proven).
    """

    def __init__(
        self, secrets: Iterable[bytes], labelled: Mapping[str, bytes] | None = None, suspected: Collection[str] = ()
    ) -> None:
        self._secrets = [bare for bare in map(_bare, secrets) if len(bare) >= _SHORTEST]
        self._labelled = labelled or {}
        self._searcher = Searcher(self._labelled)
        self._suspected = frozenset(suspected)
        self._numbers: Counter[str] = Counter()
        self._waiting: list[tuple[Table, int, Row, Sequence[tuple[str, bytes]]]] = []
        self._texts: list[bytes] = []
        self._bytes = 0
        self._found: list[Finding] = []

    def in_file(self, path: bytes, content: bytes) -> Searched:
        """Search a file that is not a library's; in a file that is not text, search the texts inside it."""
        is_drawn = _DRAWN.search(path) is not None
        if _LIBRARY.search(path) or (is_drawn and language_of(path) is None):
            return Searched(content)
        inside = [] if is_drawn else self._in_texts(_place(path), inner_texts(content))
        if inside or not forms.has_run(content):
            return Searched(content, inside)
        if b"\0" in content[:_BINARY_HEAD]:
            found = [] if is_drawn else self._unknown(forms.met(content, forms.WRITTEN))
            return Searched(content, list(dict.fromkeys(_finding(one, _place(path)) for one in found)))
        care = forms.WRITTEN if is_drawn else _care(path, content)
        met = forms.met(content, care)
        # Comments have no effect: no decision is needed
        made, blanked = without_secrets(path, content, met) if met else (content, [])
        rest = [] if is_drawn else self._unknown(forms.met(made, care) if blanked else met)
        return Searched(made, _in_lines(path, made, rest), _in_lines(path, content, blanked))

    def in_name(self, path: bytes) -> list[Finding]:
        """Return the secrets in the last part of a path: those of its folders are reported with the folders."""
        name = path.rpartition(b"/")[2]
        if not forms.has_run(name) or _LIBRARY.search(path):
            return []
        found = self._unknown(forms.met(name, forms.WRITTEN))
        return [_finding(one, _place(path, is_name=True)) for one in found]

    def _in_texts(self, place: Place, texts: Iterable[tuple[str, bytes]]) -> list[Finding]:
        found: dict[str, Finding] = {}
        for name, text in texts:
            if _LIBRARY.search(name.encode()) or _DRAWN.search(name.encode()):
                continue
            about = "" if _is_secret(name.encode()) else name
            met = forms.met(text, forms.WRITTEN) if forms.has_run(text) else []
            for one in self._unknown(met):
                finding = _finding(one, place, about)
                found.setdefault(finding.what, finding)
            for label in self._searcher.found_in(text, False):
                kind = SUSPECTED if label in self._suspected else SECRET
                found.setdefault(label, Finding(label, place, kind, masked(self._labelled[label]), about))
        return list(found.values())

    def add_row(self, table: Table, row: Row, cells: Sequence[tuple[str, bytes]]) -> None:
        """Take a row; `cells` are (column, text) as they are packed."""
        self._numbers[table.name] += 1
        if not cells:
            return
        text = b"\0".join([cell for _, cell in cells])
        self._waiting.append((table, self._numbers[table.name], row, cells))
        self._texts.append(text)
        self._bytes += len(text)
        if self._bytes >= _TOGETHER_BYTES or len(self._texts) >= _TOGETHER_ROWS:
            self._look()

    def in_rows(self) -> list[Finding]:
        """Return the findings in the rows taken so far."""
        self._look()
        return self._found

    def _look(self) -> None:
        if self._texts and forms.may_hold(b"\0".join(self._texts)):
            for (table, number, row, cells), text in zip(self._waiting, self._texts, strict=True):
                if forms.may_hold(text):
                    self._found += self._in_row(table, number, row, cells)
        self._waiting, self._texts, self._bytes = [], [], 0

    def _in_row(self, table: Table, number: int, row: Row, cells: Sequence[tuple[str, bytes]]) -> list[Finding]:
        found: dict[tuple[str, Place], Finding] = {}
        for column, cell in cells:
            for one in self._unknown(forms.met(cell)):
                place = Place(table.name, column, key_without(table, row, number, _is_secret))
                name = name_of(table, row)
                finding = _finding(one, place, "" if _is_secret(name.encode()) else name)
                found.setdefault((finding.what, finding.place), finding)
        return list(found.values())

    def _unknown(self, found: Sequence[Met]) -> list[Met]:
        if not found:
            return []
        return [one for one in found if not any(known in _bare(one.value) for known in self._secrets)]


def _place(path: bytes, line: int = 0, is_name: bool = False) -> Place:
    return Place(file=path.decode("utf-8", "backslashreplace"), line=line, is_name=is_name)


def _in_lines(path: bytes, content: bytes, found: Iterable[Met]) -> list[Finding]:
    return [_finding(one, _place(path, content.count(b"\n", 0, one.start) + 1)) for one in found]


def _is_secret(shown: bytes) -> bool:
    return bool(forms.met(shown))


def _care(path: bytes, content: bytes) -> str:
    if _RELEASE.search(path) or (len(content) > _LARGE and _PUBLIC.search(path)):
        return forms.COMMON
    if _SETTINGS.search(path) or (path.endswith(b".php") and _UNWRAPS in content):
        return forms.WRAPPED
    return forms.WRITTEN


def _bare(value: bytes) -> bytes:
    return _SPELLED.sub(b"", value)


def _finding(one: Met, place: Place, about: str = "") -> Finding:
    return Finding(f"{PREFIX}{one.label}", place, SECRET, masked(one.value), about)


def form_of(what: str) -> str | None:
    """Return the label of the form that a finding is about, None for any other finding."""
    label = what.removeprefix(PREFIX)
    return label if what.startswith(PREFIX) and label in forms.labels() else None


def forms_in(data: bytes) -> list[str]:
    """Return the labels of the secrets of a known form in `data`."""
    return list(dict.fromkeys(f"{PREFIX}{one.label}" for one in forms.met(data)))
