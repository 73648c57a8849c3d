"""A birth certificate as facts and tables: whatever evidence it holds is shown, nothing is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import lazy_gettext

from controller.web import labels

NAMES: dict[str, Any] = {
    "account": lazy_gettext("Account"),
    "admin_url": lazy_gettext("Back office"),
    "affected": lazy_gettext("Affected rows"),
    "agent": lazy_gettext("Agent"),
    "application": lazy_gettext("Application"),
    "attempt": lazy_gettext("Attempt"),
    "bundle": lazy_gettext("Bundle"),
    "bytes": lazy_gettext("Bytes"),
    "bytes_read": lazy_gettext("Bytes read"),
    "bytes_written": lazy_gettext("Bytes written"),
    "cells": lazy_gettext("Cells read back"),
    "checks": lazy_gettext("Visits to the shop"),
    "chunks": lazy_gettext("Chunks"),
    "columns": lazy_gettext("Columns"),
    "digests": lazy_gettext("Digests"),
    "domain": lazy_gettext("Domain"),
    "evidence": lazy_gettext("Evidence"),
    "files": lazy_gettext("Files"),
    "fingerprints": lazy_gettext("Secrets"),
    "id": lazy_gettext("Number"),
    "issued_at": lazy_gettext("Issued"),
    "job": lazy_gettext("Job"),
    "name": lazy_gettext("Name"),
    "ok": lazy_gettext("Passed"),
    "peak_memory_bytes": lazy_gettext("Peak memory (bytes)"),
    "probes": lazy_gettext("Visits to the shop"),
    "python": lazy_gettext("Python"),
    "residue": lazy_gettext("Traces of the template"),
    "rows": lazy_gettext("Rows"),
    "seconds": lazy_gettext("Seconds"),
    "server": lazy_gettext("Server"),
    "shop_url": lazy_gettext("Shop"),
    "stages": lazy_gettext("Time per stage"),
    "status": lazy_gettext("Status"),
    "tables": lazy_gettext("Tables"),
    "url": lazy_gettext("Address"),
    "version": lazy_gettext("Version"),
    "warnings": lazy_gettext("Warnings"),
}
#: Longer tables are cut on the page, and the page says so; the signed document holds all of it.
MAX_ROWS = 400
_PLAIN = (str, int, float, bool, type(None))


def of_certificate(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"facts": [(label, value)], "sections": [{"title", "facts", "table", "left_out"}]} for the page."""
    facts = [(_name(key), value) for key, value in payload.items() if _is_plain(value)]
    sections: list[dict[str, Any]] = []
    for key, value in payload.items():
        if not _is_plain(value):
            _add_sections(sections, _name(key), value)
    return {"facts": facts, "sections": sections}


def _add_sections(sections: list[dict[str, Any]], title: Any, value: Any) -> None:
    if isinstance(value, Mapping) and value and all(isinstance(item, Mapping) for item in value.values()):
        value = [{"name": labels.step_label(str(key)), **item} for key, item in value.items()]
    if isinstance(value, Mapping):
        facts = [(_name(key), item) for key, item in value.items() if _is_plain(item)]
        if facts:
            sections.append({"title": title, "facts": facts, "table": None, "left_out": 0})
        for key, item in value.items():
            if not _is_plain(item):
                _add_sections(sections, _name(key), item)
    elif isinstance(value, Sequence) and value:
        sections.append({"title": title, "facts": [], **_table(value)})


def _table(rows: Sequence[Any]) -> dict[str, Any]:
    shown = [row if isinstance(row, Mapping) else {"name": row} for row in rows[:MAX_ROWS]]
    keys = list(dict.fromkeys(key for row in shown for key in row))
    body = [[_cell(row.get(key)) for key in keys] for row in shown]
    return {"table": {"head": [_name(key) for key in keys], "body": body}, "left_out": len(rows) - len(shown)}


def _cell(value: Any) -> Any:
    return value if _is_plain(value) else str(value)


def _name(key: Any) -> Any:
    return NAMES.get(str(key)) or labels.STEPS.get(str(key)) or str(key).replace("_", " ").capitalize()


def _is_plain(value: Any) -> bool:
    return isinstance(value, _PLAIN)
