"""Brings the state database to the newest schema (Alembic)."""

from __future__ import annotations

from importlib import resources

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.files("controller.db").joinpath("migrations")))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: sa.Engine) -> None:
    """Every migration has run. Raises what the database raises."""
    with engine.begin() as connection:
        command.upgrade(_config(connection), "head")


def revisions(engine: sa.Engine) -> tuple[str | None, str | None]:
    """Return (the database's revision, the newest there is)."""
    with engine.connect() as connection:
        script = ScriptDirectory.from_config(_config(connection))
        return MigrationContext.configure(connection).get_current_revision(), script.get_current_head()
