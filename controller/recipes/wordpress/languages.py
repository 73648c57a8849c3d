"""Determines the languages to which a WordPress can be switched, and the time zones of countries."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from babel.core import get_global

#: WordPress itself is written in English: there is no pack for it, and its locale is empty.
ENGLISH = "en"
_PACK = re.compile(r"(([a-z]{2})(?:_[A-Z]{2})?)\.(?:mo|l10n\.php)")


def packs(root: Path) -> dict[str, str]:
    """Return code (two letters) -> locale of the languages installed, English first.

    Of several for one code the plain one is chosen, then that of the country with the same code, then the first.
    """
    folder = root / "wp-content" / "languages"
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    found: dict[str, str] = {}
    for match in filter(None, map(_PACK.fullmatch, names)):
        locale, code = match.group(1), match.group(2)
        if code not in found or (locale in (code, f"{code}_{code.upper()}") and found[code] != code):
            found[code] = locale
    return {ENGLISH: "", **{code: locale for code, locale in found.items() if code != ENGLISH}}


def time_zones() -> Mapping[str, str]:
    """Return country (two letters) -> its time zone, for countries with a single one (Unicode CLDR)."""
    zones: Mapping[str, str] = get_global("zone_territories")
    counted = Counter(zones.values())
    return {country: zone for zone, country in sorted(zones.items()) if counted[country] == 1 and len(country) == 2}
