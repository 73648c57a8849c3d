"""Decides whether the template's folder in a file begins an address, or is another folder of the same name.

A shop at `example.test/prestashop/` names `/prestashop/` in its own addresses. Programs join paths of the same
spelling: composer finds the package `prestashop/decimal` at `$vendorDir . '/prestashop/decimal/src'`.
"""

from __future__ import annotations

import re

from controller.bundles.rewrite.contexts.boundaries import NOT_BEGINNING, UNPROVEN_PATH
from controller.bundles.rewrite.contexts.paths import ADDRESS, GOES_ON, Holds

_FIRST_PART = re.compile(rb"[A-Za-z0-9._-]+")


def problem_of(before: bytes, after: bytes, holds: Holds) -> str:
    """Return why a folder between `before` and `after` in a file is no address of the shop; "" when it is.

    `holds` returns whether a path is in the tree: outside of links, an address has to lead to an entry.
    """
    if ADDRESS.search(before):
        return ""
    if GOES_ON.search(before):
        return NOT_BEGINNING
    first = _FIRST_PART.match(after)
    return "" if first is None or holds(first.group()) else UNPROVEN_PATH
