"""Holds a row until the transaction ends: nobody removes it while a reference to it, by its name, is written."""

from __future__ import annotations

import enum

import sqlalchemy as sa


class Hold(enum.Enum):
    """How a row is held: not at all, shared by all who refer to it, or alone, to remove it."""

    NOT = enum.auto()
    SHARED = enum.auto()
    ALONE = enum.auto()


def held(query: sa.Select[object], hold: Hold) -> sa.Select[object]:
    """Return `query` such that its rows are held; SQLite admits one writer anyway."""
    return query if hold is Hold.NOT else query.with_for_update(read=hold is Hold.SHARED)
