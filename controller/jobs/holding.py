"""The page visitors of a new shop see (503) until it opens: one HTML file without anything from elsewhere."""

from __future__ import annotations

from importlib import resources
from string import Template

#: language -> (writing direction, title, text)
_TEXTS = {
    "en": ("ltr", "This shop opens soon", "It is being set up right now. This page turns into the shop by itself."),
    "fa": (
        "rtl",
        "این فروشگاه به‌زودی باز می‌شود",
        "فروشگاه همین حالا در حال آماده‌سازی است. این صفحه خودش به فروشگاه تبدیل می‌شود.",
    ),
}


def holding_page(language: str) -> str:
    """Return the page in the client's `language` (two letters); English for languages without a translation."""
    language = language if language in _TEXTS else "en"
    direction, title, text = _TEXTS[language]
    template = resources.files("controller.jobs").joinpath("holding.html").read_text("utf-8")
    return Template(template).substitute(language=language, direction=direction, title=title, text=text)
