"""Labels of states and steps in the language of a mail, from the catalogue of the pages."""

from __future__ import annotations

import functools
import gettext
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "web" / "translations"


def label(text: str, language: str) -> str:
    """Return the English `text` of a page in `language`; as it is where the catalogue lacks it."""
    return _catalogue(language).gettext(text) if text else ""


@functools.cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("messages", _FOLDER, languages=[language], fallback=True)
