"""Takes the files that a configuration includes, and that define its settings, into the configuration itself."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from controller.recipes.php.definitions import definitions
from controller.recipes.php.includes import Include, code_of, declares, includes, names_its_folder
from controller.recipes.tree import template_files
from shared.errors import ShoplaunchError

#: Includes that are followed in one file and in all, and how deep files may include one another.
_MOST_PLACES = 60
_MOST_FILES = 20
_DEEPEST = 3
#: Unfollowed includes that are named.
_MOST_NAMED = 3
#: Larger ones are programs.
_MOST_BYTES = 256 * 1024
_NOTHING = b";"
_LINE = b"\n"


@dataclass
class Folded:
    """A configuration with the files it includes: its source, and their paths in the tree."""

    source: bytes = field(repr=False)
    taken: list[str] = field(default_factory=list)
    #: Includes that cannot be followed, in words.
    unfollowed: list[str] = field(default_factory=list)


def folded(root: Path, shown: str, source: bytes, wanted: Container[str]) -> Folded:
    """Return the configuration `shown` in the tree at `root`, with the included files that define one of `wanted`.

    Only addresses of literals and the file's own folder are followed, and only inside the tree.
    Raises ShoplaunchError `config_unreadable` for a file that defines one of them and cannot be taken in.
    """
    found = Folded(source)
    found.source = _Folding(root, wanted, found).fold(source, shown)
    return found


class _Folding:
    def __init__(self, root: Path, wanted: Container[str], found: Folded) -> None:
        self._root = Path(os.path.realpath(root))
        self._wanted = wanted
        self._found = found
        self._read = 0
        #: Files whose includes are being followed, each within the one before.
        self._open: list[str] = []

    def fold(self, source: bytes, shown: str) -> bytes:
        """Return `source`, the code of the file `shown`, with what it includes."""
        places = list(islice(includes(source), _MOST_PLACES))
        if not places or len(self._open) > _DEEPEST:
            return source
        self._open.append(shown)
        lines = {one: f"{shown} line {source.count(_LINE, 0, one.start) + 1}" for one in places}
        codes = {one: self._code(one, shown, lines[one]) for one in places if not one.is_question}
        self._open.pop()
        taken = {one.path for one, code in codes.items() if code is not None}
        parts, last = [], 0
        for place, new in self._replaced(places, codes, taken):
            parts += [source[last : place.start], new]
            last = place.end
        return b"".join(parts) + source[last:]

    def _replaced(
        self, places: list[Include], codes: dict[Include, bytes | None], taken: set[str | None]
    ) -> Iterator[tuple[Include, bytes]]:
        """Yield each place that changes, with its new code."""
        always: set[str | None] = set()
        for one in places:
            if one.path not in taken:
                continue
            code = codes.get(one)
            if one.is_question:
                # The file itself is not packed
                yield one, b"true"
            elif one.is_once and one.path in always:
                yield one, _NOTHING
            elif code is not None:
                yield one, code if one.is_whole else b"{" + code + b"}"
                always |= {one.path} if one.is_outermost else set()

    def _code(self, one: Include, shown: str, place: str) -> bytes | None:
        """Return the code that takes the place of an include, None where it stays."""
        path = None if one.path is None else self._inside(_folder(one, shown) / one.path)
        if path is None:
            where = "at an address that would have to be run" if one.path is None else f"{one.path}, outside the tree"
            named = self._found.unfollowed
            named += [f"{place} includes a file {where}"] if len(named) < _MOST_NAMED else []
            return None
        content = None if path in self._open else self._content(path)
        if content is None:
            return None
        source = self.fold(content, path)
        named = [each.name for each in definitions(source, path) if each.name in self._wanted]
        if not named:
            return None
        try:
            return self._fitting(one, path, shown, code_of(source))
        except ValueError as problem:
            message = f"{place}: {path} says {named[0]} and cannot be taken in: {problem}"
            raise ShoplaunchError("config_unreadable", f"{message}; write what it defines into {shown}") from None

    def _fitting(self, one: Include, path: str, shown: str, code: bytes) -> bytes:
        if Path(path).parent != Path(shown).parent and names_its_folder(code):
            raise ValueError("it names its own folder, which is another")
        if not one.is_outermost and declares(code):
            raise ValueError("its `const` may stand below no condition")
        self._found.taken += [path] if path not in self._found.taken else []
        return code

    def _inside(self, path: Path) -> str | None:
        """Return the path of a file in the tree, None outside."""
        real = os.path.realpath(self._root / path)
        return os.path.relpath(real, self._root) if real.startswith(f"{self._root}/") else None

    def _content(self, path: str) -> bytes | None:
        self._read += 1
        if self._read > _MOST_FILES or path.startswith(("wp-includes/", "wp-admin/")) or path == "wp-settings.php":
            return None
        try:
            content = template_files.head(self._root / path, _MOST_BYTES + 1)
        except OSError:
            return None
        return content if len(content) <= _MOST_BYTES else None


def _folder(one: Include, shown: str) -> Path:
    return Path() if one.is_of_root else Path(shown).parent
