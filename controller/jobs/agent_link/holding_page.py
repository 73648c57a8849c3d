"""The page (503) that visitors of a new shop see until it opens: one HTML file without external resources."""

from __future__ import annotations

from importlib import resources
from string import Template

from controller.product_kind import word
from controller.wording.languages import LANGUAGES

#: language -> (title, text, link to the same page)
_TEXTS = {
    "en": (
        "This $noun opens soon",
        "The $noun is being set up right now, which takes a few minutes.",
        "Look again",
    ),
    "fa": (
        "این $noun به‌زودی باز می‌شود",
        "$noun همین حالا در حال آماده‌سازی است و این کار چند دقیقه زمان می‌برد.",
        "نگاه دوباره",
    ),
}


def holding_page(language: str, noun: str) -> str:
    """Return the page for a `noun` (controller.product_kind) in `language` (two letters), else in English."""
    language = language if language in _TEXTS else "en"
    direction = LANGUAGES[language].direction
    title, text, again = (Template(one).substitute(noun=word(noun, language)) for one in _TEXTS[language])
    template = resources.files("controller.jobs.agent_link").joinpath("holding_page.html").read_text("utf-8")
    return Template(template).substitute(language=language, direction=direction, title=title, text=text, again=again)
