"""Errors' messages and steps' notes on pages, in the reader's language where it has the sentence."""

from __future__ import annotations

from flask import Flask
from markupsafe import Markup, escape

from controller.web.support.i18n import language
from controller.wording.direction import END, ISOLATE, LEFT_TO_RIGHT
from controller.wording.error_messages import in_language

#: Marks of direction -> the elements that say the same; they do not stand in what a reader copies.
_ELEMENTS = {ISOLATE: "<bdi>", LEFT_TO_RIGHT: '<bdi dir="ltr">', END: "</bdi>"}


def in_own_words(message: str | None) -> Markup:
    """Return `message` in the page's language as HTML, empty where it is English or unknown."""
    text = str(escape(in_language(message or "", language())))
    for mark, element in _ELEMENTS.items():
        text = text.replace(mark, element)
    return Markup(text)  # noqa: S704 - escaped above


def init_app(app: Flask) -> None:
    """Register the filter for templates."""
    app.jinja_env.filters["in_own_words"] = in_own_words
