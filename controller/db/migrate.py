"""Brings the state database to the newest schema (Alembic)."""

from __future__ import annotations

import functools
from importlib import resources

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from controller.db.engine import reading


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", _folder())
    config.attributes["connection"] = connection
    return config


def _folder() -> str:
    return str(resources.files("controller.db").joinpath("migrations"))


def upgrade(engine: sa.Engine) -> None:
    """Every migration has run. Raises what the database raises."""
    with engine.begin() as connection:
        command.upgrade(_config(connection), "head")


def revisions(engine: sa.Engine) -> tuple[str | None, str | None]:
    """Return (the database's revision, the newest there is); nothing is written."""
    with reading(engine) as connection:
        return revision(connection), newest()


def revision(connection: sa.Connection) -> str | None:
    """Return the database's revision, None for one without tables."""
    return MigrationContext.configure(connection).get_current_revision()


@functools.cache
def newest() -> str | None:
    """Return the newest revision there is; the migrations are read once in a process's life."""
    config = Config()
    config.set_main_option("script_location", _folder())
    return ScriptDirectory.from_config(config).get_current_head()
