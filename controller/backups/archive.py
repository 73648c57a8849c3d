"""The format of a backup: names of its members, its header and index, how a row becomes a line, progress reports.

A gzipped tar, maybe sealed: `backup.json` (format, revision, columns of each table), the installation's files, the rows
as JSON lists in pieces `database/TABLE/NUMBER.jsonl`, and `index.json` with the digest of everything before it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from controller.settings.sections import FILE_NAME

FORMAT = 2
HEADER, INDEX = "backup.json", "index.json"
DATABASE = "database"
#: The whole database in one member: format 1.
OLD_DATABASE = "database.json"
FOLDERS = ("keys", "agent")
#: A piece ends after the row that makes it this long.
PIECE_BYTES = 1024 * 1024


@dataclass
class Summary:
    """The content of a backup in numbers."""

    format: int = FORMAT
    revision: str = ""
    #: Table -> rows.
    tables: dict[str, int] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    #: SHA-256 over names, sizes and digests of all members.
    digest: str = ""


def is_file_of_installation(name: str) -> bool:
    """Return whether a backup may contain a file of this name."""
    folder, _, last = name.rpartition("/")
    return name == FILE_NAME or (folder in FOLDERS and last not in ("", ".", ".."))


def digest_of(members: Sequence[Sequence[object]]) -> str:
    """Return the digest of [name, size, digest] of all members."""
    return hashlib.sha256(json.dumps(members).encode()).hexdigest()


def line_of(row: Iterable[object]) -> bytes:
    """Return the row as a line."""
    return json.dumps(list(row), ensure_ascii=False, separators=(",", ":"), default=_bytes).encode("utf-8") + b"\n"


def row_of(line: bytes) -> list[object]:
    """Return the row of a line. Raises ValueError."""
    values = json.loads(line)
    if not isinstance(values, list):
        raise TypeError("no row")
    return [base64.b64decode(value["base64"]) if isinstance(value, dict) else value for value in values]


def _bytes(value: object) -> dict[str, str]:
    if not isinstance(value, bytes):
        raise TypeError(f"a column of {type(value).__name__} cannot be saved")
    return {"base64": base64.b64encode(value).decode("ascii")}
