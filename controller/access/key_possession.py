"""Checks that the keys are those of the installation's database: a database in use must not get new ones by mistake."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from controller.db import tables
from controller.db.connection.engine import make_engine, reading
from controller.keys import Keys, missing
from controller.settings.sections import Config
from shared.errors import ShoplaunchError

#: A database is in use when one of these tables has a row.
_IN_USE = ("operators", "api_keys", "servers", "jobs")
#: Sealed columns that live as long as their rows; private values of jobs come and go.
_LASTING = (("api_keys", "secret_encrypted"), ("servers", "token_encrypted"), ("operators", "totp_encrypted"))


def require_makeable(config: Config) -> None:
    """Raise ShoplaunchError `keys_lost` when keys are missing and the database is in use."""
    gone = missing(config.keys)
    if gone and _is_in_use(config):
        what = "all keys are" if not config.keys.is_dir() else f"{', '.join(gone)} of the keys is"
        raise ShoplaunchError("keys_lost", f"{what} missing in {config.keys}, and the database is in use")


def require_own(engine: sa.Engine, keys: Keys) -> None:
    """Raise ShoplaunchError `keys_lost` when `keys` decrypt none of the database's values."""
    with reading(engine) as connection:
        opened, closed = opens(connection, keys)
    if closed and not opened:
        raise ShoplaunchError("keys_lost", "the keys open nothing of what the database holds: they are another's")


def opens(connection: sa.Connection, keys: Keys) -> tuple[int, int]:
    """Return how many lasting values of the database the keys decrypt, and how many they do not."""
    opened = closed = 0
    for table, column in _LASTING:
        for text in connection.execute(sa.select(tables.metadata.tables[table].c[column])).scalars():
            if not text:
                # None, or a revoked key's
                continue
            try:
                keys.decrypt(text)
                opened += 1
            except ShoplaunchError:
                closed += 1
    return opened, closed


def _is_in_use(config: Config) -> bool:
    engine = make_engine(config.database_url)
    path = engine.url.database
    try:
        if engine.dialect.name == "sqlite" and not (path and Path(path).exists()):
            # Opening it would create it
            return False
        with reading(engine) as connection:
            there = set(sa.inspect(connection).get_table_names())
            found = (tables.metadata.tables[name] for name in _IN_USE if name in there)
            return any(connection.execute(sa.select(sa.literal(1)).select_from(one).limit(1)).first() for one in found)
    finally:
        engine.dispose()
