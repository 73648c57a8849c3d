"""Alembic's entry: runs the migrations on the connection that controller.db.migrate hands over."""

from __future__ import annotations

from typing import Any

from alembic import context

# Importing it registers it with Alembic for MySQL and MariaDB
from controller.db.migrations import resuming
from controller.db.tables import metadata

__all__ = ["resuming"]

_attributes = context.config.attributes


def _applied(*_of_it: Any, **_more: Any) -> None:
    if _attributes["applied"] is not None:
        _attributes["applied"]()


context.configure(
    connection=_attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    on_version_apply=_applied,
)
with context.begin_transaction():
    context.run_migrations()
