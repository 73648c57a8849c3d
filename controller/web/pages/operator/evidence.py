"""A birth certificate as facts and tables: all evidence it holds is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask_babel import lazy_gettext

from controller.web.pages.operator import starts
from controller.web.support import labels
from controller.web.support.i18n import amount, duration, gettext
from shared.events import STAGES

if TYPE_CHECKING:
    from shared.documents import Certificate

NAMES: dict[str, Any] = {
    "account": lazy_gettext("Account"),
    "admin_url": lazy_gettext("Back office"),
    "agent": lazy_gettext("Agent"),
    "application": lazy_gettext("Application"),
    "assets": lazy_gettext("Parts of the page"),
    "attempt": lazy_gettext("Attempt"),
    "bundle": lazy_gettext("Bundle"),
    "bytes": lazy_gettext("Bytes"),
    "bytes_read": lazy_gettext("Bytes read"),
    "bytes_written": lazy_gettext("Bytes written to files"),
    "cells": lazy_gettext("Cells read back"),
    "chunks": lazy_gettext("Chunks"),
    "digests": lazy_gettext("Digests"),
    "domain": lazy_gettext("Domain"),
    "evidence": lazy_gettext("Evidence"),
    "files": lazy_gettext("Files"),
    "fingerprints": lazy_gettext("Fingerprints of the secrets"),
    "issued_at": lazy_gettext("Issued"),
    "job": lazy_gettext("Job"),
    "name": lazy_gettext("Name"),
    "peak_memory_bytes": lazy_gettext("Peak memory (bytes)"),
    "probes": lazy_gettext("Visits to the shop"),
    "python": lazy_gettext("Python"),
    "manifest_sha256": lazy_gettext("Digest of the manifest"),
    "path": lazy_gettext("Page"),
    "redirects": lazy_gettext("Redirects"),
    "residue_columns": lazy_gettext("Columns searched for traces"),
    "replaced": lazy_gettext("Moved aside"),
    "rows": lazy_gettext("Rows"),
    "seconds": lazy_gettext("Seconds"),
    "server": lazy_gettext("Server"),
    "shop_url": lazy_gettext("Shop"),
    "sql_bytes": lazy_gettext("Bytes of SQL sent"),
    "stages": lazy_gettext("Time per stage"),
    "start_reason": lazy_gettext("Left to cron because"),
    "start_waited_seconds": lazy_gettext("Waited for the agent"),
    "started_by": lazy_gettext("Agent started"),
    "status": lazy_gettext("Status"),
    "tables": lazy_gettext("Tables"),
    "variant": lazy_gettext("Variant"),
    "version": lazy_gettext("Version"),
}
#: Longer tables are cut on the page, and the page says so; the signed document holds all of it. An account's owner may
#: have written it: of more columns and sections than any evidence has, the page shows the first.
MAX_ROWS, MAX_COLUMNS, MAX_SECTIONS = 400, 20, 30
#: A table longer than this is collapsed.
FOLDED_ROWS = 12
#: A mapping with more entries than this is a list, not facts.
MAX_FACTS = 12
DIGEST_CHARS = 64
#: Known about a page's pictures, style sheets and scripts: how many were requested, how many answered.
ASSETS = {"asked", "answered"}
#: Sections in this order, all others after them.
ORDER = ("stages", "probes", "evidence", "bundle", "fingerprints")
#: Values that are codes or seconds.
_WORDS: Mapping[str, Callable[[Any], Any]] = {
    "started_by": lambda way: starts.way_label(str(way)),
    "start_reason": lambda reason: starts.reason_label(str(reason)),
    "start_waited_seconds": lambda seconds: duration(seconds) if isinstance(seconds, (int, float)) else seconds,
}
_PLAIN = (str, int, float, bool, type(None))


def of_certificate(payload: Certificate) -> dict[str, object]:
    """Return {"facts": [(label, value)], "sections": [{"title", "facts", "table", "rows", "left_out"}]}."""
    sections: list[dict[str, Any]] = []
    facts = _split(sections, payload)
    return {"facts": facts, "sections": sections}


def _split(
    sections: list[dict[str, object]], values: Mapping[str, object], within: str = ""
) -> list[tuple[object, object]]:
    """Return the plain ones of `values` as facts; each other value becomes its own section."""
    for key in sorted(values, key=_rank):
        if not _is_plain(values[key]):
            _add_section(sections, key, values[key], within)
    return [(_name(key), _worded(key, value)) for key, value in values.items() if _is_plain(value)]


def _worded(key: str, value: Any) -> Any:
    """Return a code in the operators' words and a wait as a duration, every other value as it is."""
    words = _WORDS.get(key)
    return value if words is None else words(value)


def _rank(key: str) -> int:
    return ORDER.index(key) if key in ORDER else len(ORDER)


def _add_section(sections: list[dict[str, Any]], key: str, value: Any, within: str) -> None:
    title = f"{within}{_name(key)}"
    section: dict[str, Any] = {"title": title, "facts": [], "table": None, "rows": 0, "left_out": 0}
    place = len(sections)
    if place >= MAX_SECTIONS:
        return
    if key == "stages" and isinstance(value, Mapping):
        ordered = sorted(value, key=lambda name: STAGES.index(name) if name in STAGES else len(STAGES))
        seconds = {name: value[name] for name in ordered if isinstance(value[name], (int, float))}
        section["facts"] = [(_name(name), duration(item)) for name, item in seconds.items()]
        value = {name: item for name, item in value.items() if name not in seconds}
    elif isinstance(value, Mapping) and _is_long(value):
        section |= _table([{"name": name, key: item} for name, item in value.items()])
        value = {}
    elif not isinstance(value, Mapping):
        section |= _table(value)
        value = {}
    sections.append(section)
    section["facts"] += _split(sections, value, within="" if key == "evidence" else f"{title} · ")
    if not section["facts"] and not section["table"]:
        del sections[place]


def _is_long(value: Mapping[str, object]) -> bool:
    """Return whether `value` is a list by name (a row count per table …) rather than a handful of facts."""
    digests = [isinstance(item, str) and len(item) == DIGEST_CHARS for item in value.values()]
    return len(value) > MAX_FACTS or (bool(digests) and all(digests))


def _table(rows: Sequence[object]) -> dict[str, object]:
    shown = [row if isinstance(row, Mapping) else {"name": row} for row in rows[:MAX_ROWS]]
    keys = list(dict.fromkeys(key for row in shown for key in row))[:MAX_COLUMNS]
    body = [[_cell(row.get(key)) for key in keys] for row in shown]
    table = {"head": [_name(key) for key in keys], "body": body} if body else None
    return {"table": table, "rows": len(rows), "left_out": len(rows) - len(shown)}


def _cell(value: object) -> object:
    if _is_plain(value):
        return value
    if isinstance(value, Mapping) and set(value) == ASSETS and all(type(one) is int for one in value.values()):
        answered, asked = amount(value["answered"]), amount(value["asked"])
        return gettext("%(answered)s of %(asked)s", answered=answered, asked=asked)
    return " ".join(map(str, value)) if isinstance(value, Sequence) else str(value)


def _name(key: object) -> object:
    return NAMES.get(str(key)) or labels.known_step(str(key)) or str(key).replace("_", " ").capitalize()


def _is_plain(value: object) -> bool:
    return isinstance(value, _PLAIN)
