"""The settings as they are shown: each with its place, and no secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from controller.settings.loading import Survey
from controller.settings.sources import Place
from controller.settings.table import REPEATED, SECTIONS, Row, row_of, rows

MASK = "***"
#: The password of a URL: what stands before the last @ of its host's part.
_PASSWORD = re.compile(r"(?P<begin>^[A-Za-z][A-Za-z0-9+.-]*://[^:@/?#]*):.*@(?P<end>[^@]*)$", re.S)
_QUERY = re.compile(r"(?P<name>[?&][^=&]*(?:pass|secret|token|key|pwd)[^=&]*)=[^&]*", re.I)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S*\Z")


def rows_of(survey: Survey) -> Iterator[dict[str, object]]:
    """Yield {"name", "value", "from", "where"} of every setting; a section [whmcs] only where there is one."""
    names = [name for name in rows() if not name.startswith(REPEATED + ".")]
    # Also those of sections that repeat, with names of the operator's
    names += [name for name in survey.places if name.startswith(REPEATED + ".") and row_of(name) is not None]
    for name in names:
        row, place = row_of(name), survey.places.get(name, Place())
        if row is not None:
            value = _value(survey, name, row)
            shown = masked(value) if row.is_secret and isinstance(value, str) else value
            yield {"name": name, "value": shown, "from": place.kind, "where": place.where}


def _value(survey: Survey, name: str, row: Row) -> object:
    section, *below = name.split(".")
    found: Any = getattr(survey.config, section)
    for one in below:
        found = found.get(one, row.default) if isinstance(found, Mapping) else getattr(found, one)
    return list(found) if isinstance(found, tuple) else found


def masked(text: str) -> str:
    """Return a URL without its password and what its query calls secret; MASK for what is no URL."""
    if not text:
        return text
    if not _URL.match(text):
        return MASK
    return _QUERY.sub(rf"\g<name>={MASK}", _PASSWORD.sub(rf"\g<begin>:{MASK}@\g<end>", text))


def as_text(value: object) -> str:
    """Return a value for a table."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) if value is not None else ""


def page() -> str:
    """Return the table of all settings for the pages."""
    lines = ["| setting | kind | default | for |", "|---|---|---|---|"]
    for section in ("", *SECTIONS):
        if section:
            lines.append(f"| **`[{section}]`** | | | |")
        for name, row in rows().items():
            if name.rpartition(".")[0] == section:
                lines.append(f"| `{name.rpartition('.')[2]}` | {row.words} | {_default(row)} | {row.description} |")
    return "\n".join(lines) + "\n"


def _default(row: Row) -> str:
    if row.is_needed:
        return "(needed)"
    if row.default in (None, "", ()):
        return ""
    return f"`{row.default if isinstance(row.default, str) else json.dumps(row.default)}`"
