"""Alembic's entry: runs the migrations on the connection that controller.db.migrate hands over."""

from __future__ import annotations

from alembic import context

# Importing them registers them with Alembic: for PostgreSQL, for MySQL and MariaDB
from controller.db.migrations import exact_text, resuming
from controller.db.tables import metadata

__all__ = ["exact_text", "resuming"]

_attributes = context.config.attributes


def _applied(*_of_it: object, **_more: object) -> None:
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
