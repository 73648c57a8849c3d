"""What an agent understands: its archive carries the schema of the job files it accepts."""

from __future__ import annotations

import io
import json
import zipfile
from functools import lru_cache

JOB_SCHEMA = "shared/schemas/job.json"


@lru_cache(maxsize=8)
def renews_addresses(agent: bytes) -> bool:
    """Return whether the `agent` (a zipapp) asks for a new address when that of its bundle expires."""
    try:
        with zipfile.ZipFile(io.BytesIO(agent)) as archive:
            schema = json.loads(archive.read(JOB_SCHEMA))
        return "renew" in schema["properties"]["bundle"]["properties"]
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError):
        return False
