"""Reads an agent's report: bytes are limited by its kind, values before parsing, and it is sanitized afterwards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from controller.agent_archive import versions
from controller.db.jobs import Job
from controller.jobs.record import sanitize
from shared.bundle import MAX_TABLES_BYTES
from shared.errors import ShoplaunchError
from shared.events import MAX_REPORT_BYTES, STORED, check_event

if TYPE_CHECKING:
    from shared.documents import Event

#: The maximum of the database's column.
MAX_SEQ = 2**31 - 1
_LOG_BYTES = 256 * 1024
#: Size limits by kind; agents of earlier releases send a failure with all their log, which is discarded.
MOST_BYTES = {"finished": _LOG_BYTES + MAX_TABLES_BYTES, "failed": _LOG_BYTES}
LARGEST_BYTES = max(MOST_BYTES.values())
#: The final report on all tables that a bundle may have holds fewer.
MOST_VALUES = 60_000
_KIND = re.compile(rb'"event"\s*:\s*"([a-z_]{1,20})"')


def read(body: bytes) -> dict[str, object]:
    """Return the report in `body` as it was sent. Raises ShoplaunchError `event_invalid`, `event_too_large`."""
    if len(body) > MAX_REPORT_BYTES:
        # Searched before parsing; the parsed kind is checked again
        kinds = {found.decode("ascii") for found in _KIND.findall(body)}
        if not kinds:
            raise ShoplaunchError("event_invalid", "event: it lacks 'event'")
        _check_size(len(body), max(MOST_BYTES.get(kind, MAX_REPORT_BYTES) for kind in kinds))
    document = sanitize.parsed(body, MOST_VALUES, "event_invalid")
    kind = document.get("event")
    _check_size(len(body), MOST_BYTES.get(kind, MAX_REPORT_BYTES) if isinstance(kind, str) else MAX_REPORT_BYTES)
    return document


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise ShoplaunchError("event_too_large", f"a report of {size} bytes; of its kind {most} at most")


def is_of_earlier_agents(document: Mapping[str, object], size: int) -> bool:
    """Return whether only agents of earlier releases send such a report of `size` bytes."""
    return document.get("event") == "failed" and size > MAX_REPORT_BYTES


def require_earlier_agent(job: Job, folder: Path, size: int) -> None:
    """Raise ShoplaunchError `event_too_large` where the agent of the job's attempt is the one installed in `folder`."""
    try:
        installed = versions.installed(folder).version
    except ShoplaunchError:
        # This machine has none: the release of the attempt's agent is not known
        return
    if job.agent == installed:
        _check_size(size, MAX_REPORT_BYTES)


def checked(document: Mapping[str, object]) -> Event:
    """Return the report `document` as an event, sanitized. Raises ShoplaunchError `event_invalid`."""
    found = check_event(sanitize.sanitized(document, "event_invalid"))
    if found["seq"] > MAX_SEQ or (found["seq"] == 0 and found["event"] in STORED):
        raise ShoplaunchError("event_invalid", f"event: a {found['event']} event cannot have number {found['seq']}")
    if error := found.get("error"):
        found["error"] = sanitize.agents_error_of(error)
    return found


def is_final(event: Event) -> bool:
    """Return whether the report ends its attempt."""
    if event["event"] == "finished":
        return True
    error = event.get("error")
    return event["event"] == "failed" and error is not None and not error["retryable"]
