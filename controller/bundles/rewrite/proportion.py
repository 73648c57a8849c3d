"""Counts in how many of an application's program files each needle was replaced: a word of them is no name of a shop.

A domain stands in any number of rows and of files that were uploaded or generated. Programs come from their makers, who
do not know it: in a real template few of them name it, and a needle in every fifth one, or more often in all than there
are of them, is a word.
"""

from __future__ import annotations

import re
from collections import Counter

from shared.errors import ShoplaunchError

_PROGRAM = re.compile(rb".*\.(?:php[0-9]?|phtml|inc|tpl|twig|js|mjs|ts|vue)", re.IGNORECASE | re.DOTALL)
#: Folders in which programs may be generated for one shop.
_GENERATED = re.compile(
    rb"(?:.*/)?(?:[^/]*cache[^/]*|compiled?|te?mp|logs?|uploads?|files|generated|var|litespeed)/.*",
    re.IGNORECASE | re.DOTALL,
)
#: Fewer files than this are too few to tell.
_FEWEST_FILES = 100
_SHARE = 5


class Proportion:
    """What was replaced in program files so far."""

    def __init__(self) -> None:
        self.programs = 0
        self.files: Counter[bytes] = Counter()
        self.replaced: Counter[bytes] = Counter()

    def saw(self, path: bytes, replaced: Counter[bytes]) -> None:
        """One file was rewritten; `replaced` tells how often each needle was replaced in it."""
        if not _PROGRAM.fullmatch(path) or _GENERATED.fullmatch(path):
            return
        self.programs += 1
        if replaced:
            self.files.update(replaced.keys())
            self.replaced += replaced

    def absorb(self, other: Proportion) -> None:
        """Add what another one counted."""
        self.programs += other.programs
        self.files += other.files
        self.replaced += other.replaced

    def require_plausible(self) -> None:
        """Raise ShoplaunchError `needle_too_common` when a needle was replaced out of all proportion."""
        for needle, files in self.files.most_common():
            count = self.replaced[needle]
            if files >= _FEWEST_FILES and (files * _SHARE > self.programs or count > self.programs):
                shown = needle.decode("utf-8", "replace")
                message = f"{shown!r} would be replaced {count} times in {files} of {self.programs} program files"
                raise ShoplaunchError("needle_too_common", message)
