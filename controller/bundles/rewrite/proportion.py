"""Counts in how many program files each needle was replaced, to refuse a needle that is a common word.

A domain may stand in any number of rows and of uploaded or generated files. Programs come from makers who do not know
it: few program files of a real template name it. A needle in every fifth one, or with more occurrences than there are
program files, is a word.
"""

from __future__ import annotations

import re
from collections import Counter

from shared.errors import ShoplaunchError

_PROGRAM = re.compile(rb".*\.(?:php[0-9]?|phtml|inc|tpl|twig|js|mjs|ts|vue)", re.IGNORECASE | re.DOTALL)
#: Folders in which programs may be generated for a single shop.
_GENERATED = re.compile(
    rb"(?:.*/)?(?:[^/]*cache[^/]*|compiled?|te?mp|logs?|uploads?|files|generated|var|litespeed)/.*",
    re.IGNORECASE | re.DOTALL,
)
#: With fewer files than this the share says nothing.
_FEWEST_FILES = 100
_SHARE = 5


class Proportion:
    """Counts replacements in program files."""

    def __init__(self) -> None:
        self.programs = 0
        self.files: Counter[bytes] = Counter()
        self.replaced: Counter[bytes] = Counter()

    def saw(self, path: bytes, replaced: Counter[bytes]) -> None:
        """Count one rewritten file; `replaced` holds how often each needle was replaced in it."""
        if not _PROGRAM.fullmatch(path) or _GENERATED.fullmatch(path):
            return
        self.programs += 1
        if replaced:
            self.files.update(replaced.keys())
            self.replaced += replaced

    def absorb(self, other: Proportion) -> None:
        """Add another object's counts."""
        self.programs += other.programs
        self.files += other.files
        self.replaced += other.replaced

    def require_plausible(self) -> None:
        """Raise ShoplaunchError `needle_too_common` when a needle was replaced in too many files."""
        for needle, files in self.files.most_common():
            count = self.replaced[needle]
            if files >= _FEWEST_FILES and (files * _SHARE > self.programs or count > self.programs):
                shown = needle.decode("utf-8", "replace")
                message = f"{shown!r} would be replaced {count} times in {files} of {self.programs} program files"
                raise ShoplaunchError("needle_too_common", message)
