"""Determines a file's language by its name, and the readers of its comments."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from controller.bundles.comments import javascript, markup, php, settings, statements, stylesheets
from controller.bundles.comments.spans import Comment

Reader = Callable[[bytes], list[Comment]]


@dataclass(frozen=True)
class Language:
    """A language: the files written in it, and the readers of its comments, from first to last."""

    name: str
    files: re.Pattern[bytes]
    read: Reader


def _language(name: str, files: bytes, read: Reader) -> Language:
    return Language(name, re.compile(rb"(?:" + files + rb")$", re.IGNORECASE), read)


PHP, JAVASCRIPT, STYLES = "PHP", "JavaScript", "CSS"
#: Files of any other kind have no comments: JSON, plain texts, unknown kinds.
LANGUAGES = (
    _language(PHP, rb"\.(?:php[0-9]?|phtml|inc)", php.comments),
    _language(JAVASCRIPT, rb"\.[cm]?[jt]s", javascript.comments),
    _language(STYLES, rb"\.(?:css|s[ac]ss|less)", stylesheets.comments),
    _language("HTML", rb"\.x?html?", markup.page_comments),
    _language("XML", rb"\.(?:xml|svg|xlf|xsl|xsd|config)", markup.xml_comments),
    _language("Smarty", rb"\.tpl", markup.smarty_comments),
    _language("Twig", rb"\.twig", markup.twig_comments),
    _language("SQL", rb"\.sql", statements.comments),
    _language("YAML", rb"\.ya?ml", settings.yaml_comments),
    _language("rules", rb"(?:^|/)\.htaccess|\.pot?", settings.lines_with(b"#", has_texts=False)),
    _language("properties", rb"\.properties", settings.lines_with(b"#!", has_texts=False)),
    _language("settings", rb"\.ini", settings.lines_with(b";#", has_texts=True)),
    _language("settings", rb"\.(?:conf|neon|toml)", settings.lines_with(b"#", has_texts=True)),
)


def language_of(path: bytes) -> Language | None:
    """Return the language of a file, None when its comments are unknown."""
    return next((one for one in LANGUAGES if one.files.search(path)), None)
