"""What an agent understands: its archive carries the schemas of what it reads."""

from __future__ import annotations

import io
import json
import re
import zipfile
from functools import lru_cache
from typing import Any

from shared import schema

JOB, MANIFEST = "job", "manifest"


def schema_in(kind: str) -> str:
    """Return the name of the schema of this kind of document in an agent's archive."""
    return f"shared/schemas/{kind}.json"


@lru_cache(maxsize=16)
def _schema(agent: bytes, kind: str) -> Any:
    """Return the schema by which the `agent` (a zipapp) judges a kind of document; None where it does not say."""
    try:
        with zipfile.ZipFile(io.BytesIO(agent)) as archive:
            return json.loads(archive.read(schema_in(kind)))
    except (zipfile.BadZipFile, KeyError, ValueError):
        return None


def renews_addresses(agent: bytes) -> bool:
    """Return whether the `agent` asks for a new address when that of its bundle expires."""
    try:
        return "renew" in _schema(agent, JOB)["properties"]["bundle"]["properties"]
    except (KeyError, TypeError):
        return False


def understands(agent: bytes, kind: str, document: object) -> bool:
    """Return whether the `agent` accepts this document; True also for one that does not say what it knows."""
    known = _schema(agent, kind)
    try:
        return known is None or schema.fits(document, known)
    except (KeyError, TypeError, ValueError, AttributeError, re.error):
        # Later schemas may have words that are not known here
        return True
