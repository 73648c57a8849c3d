"""The clients' word for what their order makes, in each supported language."""

from __future__ import annotations

SHOP, SITE = "shop", "site"
_WORDS = {SHOP: {"en": "shop", "fa": "فروشگاه"}, SITE: {"en": "site", "fa": "سایت"}}


def word(noun: str, language: str) -> str:
    """Return `noun` (SHOP or SITE) in `language` (two letters), in English where there is no translation."""
    words = _WORDS[noun]
    return words.get(language, words["en"])
