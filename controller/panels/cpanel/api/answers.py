"""Answers of the panel: its three envelopes parsed into one shape, its texts cleaned for display."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controller.network.words import shown

#: Identifiers of a single answer, new each time and useless to readers.
_XID = re.compile(r"\(XID [a-z0-9]+\)\s*", re.IGNORECASE)
_FAILURE = re.compile(r"\AAPI failure:\s*", re.IGNORECASE)
_TEXT_LIMIT = 300


@dataclass(frozen=True)
class Answer:
    """One answer: whether the panel reports success, its data, and its message (only ever shown, never compared)."""

    ok: bool
    data: Any
    text: str = ""


def clean(text: object, hidden: Iterable[str] = ()) -> str:
    """Return the panel's message for people: no volatile marks, none of the `hidden` values, not too long."""
    found = _FAILURE.sub("", _XID.sub("", str(text or "")))
    found = _XID.sub("", found)
    for secret in hidden:
        if secret:
            found = found.replace(secret, "•••")
    return shown(found, _TEXT_LIMIT)


def is_on(value: object) -> bool:
    """Return whether `value` is one of the panel's many forms of yes (1, "1", true, "y")."""
    return value is True or str(value).strip().lower() in ("1", "true", "y", "yes", "on")


def unlimited(value: object) -> bool:
    """Return whether a limit means no limit: null, "unlimited"."""
    return value is None or str(value).strip().lower() in ("", "unlimited", "none")


def rows(data: Any, *keys: str) -> list[dict[str, Any]]:
    """Return the list of objects in `data`: itself, or under the first of `keys` that is there."""
    if isinstance(data, Mapping):
        data = next((data[key] for key in (*keys, "payload") if key in data), [])
    return [dict(one) for one in data if isinstance(one, Mapping)] if isinstance(data, list) else []


def listed(value: object) -> list[object]:
    """Return `value` where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def whm(document: Any, hidden: Iterable[str] = ()) -> Answer:
    """Read WHM API 1: {"metadata": {"result", "reason"}, "data"}."""
    metadata = _mapping(_mapping(document).get("metadata"))
    if "result" not in metadata:
        return Answer(False, {}, clean(_legacy_text(document), hidden) or "the answer has no result")
    return Answer(is_on(metadata["result"]), document.get("data") or {}, clean(metadata.get("reason"), hidden))


def uapi(document: object, hidden: Iterable[str] = ()) -> Answer:
    """Read UAPI's answer: through WHM, in the command line's form or bare."""
    found = _mapping(document)
    found = _mapping(found.get("uapi") or found.get("result") or found)
    if "status" not in found:
        return Answer(False, None, "the answer has no status")
    words = [*_texts(found.get("errors")), *_texts(found.get("messages")), *_texts(found.get("warnings"))]
    return Answer(is_on(found["status"]), found.get("data"), clean("; ".join(words), hidden))


def api2(document: object, hidden: Iterable[str] = ()) -> Answer:
    """Read API 2: bare, or wrapped in WHM's data. A failure may show in `error`, the event, or a row."""
    found = _mapping(document)
    metadata = _mapping(found.get("metadata"))
    if "cpanelresult" not in found:
        if "result" in metadata and not is_on(metadata["result"]):
            return Answer(False, [], clean(metadata.get("reason"), hidden))
        found = _mapping(found.get("data")) or found
    found = _mapping(found.get("cpanelresult")) or found
    data = found.get("data")
    if isinstance(data, Mapping):
        data = [data]
    listed = [dict(one) for one in data if isinstance(one, Mapping)] if isinstance(data, list) else []
    words = [*_texts(found.get("error"))]
    words += [text for row in listed for key in ("reason", "statusmsg", "err") for text in _texts(row.get(key))]
    refused = bool(found.get("error"))
    event = _mapping(found.get("event"))
    refused = refused or ("result" in event and not is_on(event["result"]))
    refused = refused or any(not is_on(row[key]) for row in listed for key in ("result", "status") if key in row)
    if "data" not in found and "event" not in found and not refused:
        return Answer(False, [], "the answer has no result")
    return Answer(not refused, listed, clean("; ".join(words), hidden))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: object) -> list[str]:
    if value in (None, ""):
        return []
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]


def _legacy_text(document: object) -> str:
    """Return the message of an answer in the shape before API 1."""
    found = _mapping(document)
    inner = found.get("result")
    if isinstance(inner, list) and inner:
        found = _mapping(inner[0])
    error = _mapping(found.get("cpanelresult"))
    return str(found.get("statusmsg") or error.get("error") or "")
