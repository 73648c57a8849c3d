"""What a message says. A broker is nothing that is trusted: everybody who may write to it could have sent each one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

#: Names of Celery's tasks: a server has due jobs; a worker asks whether it hears itself.
HINT, ECHO = "shoplaunch.hint", "shoplaunch.echo"
#: A hint has less than five hundred bytes, of which most are Celery's.
MOST_BYTES = 4096
#: A hint for a server of other workers is passed on, as often at most.
MOST_PASSED = 16
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
_NONCE = re.compile(r"[0-9a-f]{32}\Z")


class Said(NamedTuple):
    """A message that was understood: HINT with a server's name, or ECHO with a worker's random number; `passed` is how
    often it was passed on."""

    task: str
    text: str
    passed: int = 0


def read(content_type: object, headers: object, body: object) -> Said | None:
    """Return what the message says; None for every other one.

    Whatever else it carries is left alone: times, callbacks, replies. What Celery calls retries is `passed`.
    """
    if content_type != "application/json" or not isinstance(headers, Mapping):
        return None
    pattern = {HINT: _NAME, ECHO: _NONCE}.get(task) if isinstance(task := headers.get("task"), str) else None
    text = _argument(body)
    if pattern is None or text is None or pattern.match(text) is None:
        return None
    return Said(str(task), text, _passed(headers.get("retries")))


def _passed(found: object) -> int:
    """Return how often the message was passed on; what says nothing sensible is passed on no more."""
    is_known = isinstance(found, int) and not isinstance(found, bool) and 0 <= found < MOST_PASSED
    return found if is_known and isinstance(found, int) else MOST_PASSED


def _argument(body: object) -> str | None:
    """Return the only argument of Celery's [arguments, named arguments, more], if it is text."""
    if isinstance(body, str):
        body = body.encode("utf-8", "surrogatepass")
    if not isinstance(body, bytes | memoryview) or len(body) > MOST_BYTES:
        return None
    try:
        found: Any = json.loads(bytes(body))
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or not found or not isinstance(found[0], list) or len(found[0]) != 1:
        return None
    return found[0][0] if isinstance(found[0][0], str) else None
