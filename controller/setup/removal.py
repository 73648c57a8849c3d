"""Removes servers and bundles that nothing needs any more; each removal is noted in the audit log."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from controller.access.actor import command_line
from controller.db import bundles
from controller.db.connection.engine import reading
from controller.db.machines import servers
from controller.db.row_holds import Hold
from controller.db.upkeep import usage
from controller.files import alone, sync_folder
from controller.jobs.lifecycle import bundle_store
from controller.settings.sections import Config
from controller.setup import inventory, stored_bundles
from shared.encoding import sha256_file
from shared.errors import ShoplaunchError

_SHOWN = 5
#: Returns the names of what needs a server or bundle.
Users = Callable[[sa.Connection, str], Collection[str]]


def require_unused_server(config: Config, name: str) -> None:
    """Raise ShoplaunchError `server_unknown`, or `in_use` while something needs the server."""
    _look(config, "server", name, servers, usage.of_server)


def require_unused_bundle(config: Config, name: str) -> None:
    """Raise ShoplaunchError `bundle_unknown`, or `in_use` while something needs the bundle."""
    if not _is_left_over(config, name):
        _look(config, "bundle", name, bundles, usage.of_bundle)


def server(config: Config, name: str) -> None:
    """Remove the server. Raises ShoplaunchError `server_unknown`, `in_use`."""
    _remove(config, "server", name, servers, usage.of_server)


def bundle(config: Config, name: str, *, keep_stored: bool = False) -> str | None:
    """Remove the bundle, its file, and what the object store holds of it; also the file that a removal left which was
    cut off. With `keep_stored` the store is not asked: return where it may still hold the bundle.

    Raises ShoplaunchError `bundle_unknown`, `in_use`, `bundle_store_failed` when that and the file stay, for the next
    try; OSError.
    """
    # Who adds one of the same name meanwhile would lose its file
    with alone(config.bundles):
        if _is_left_over(config, name):
            key = stored_bundles.key_of(name, sha256_file(_file(config, name)))
        else:
            known = inventory.bundle_store(config).get(name)
            # A file that was being copied when the command was killed is recorded nowhere
            key = known.store_key or stored_bundles.key_of(name, known.sha256)
            _remove(config, "bundle", name, bundles, usage.of_bundle)
        # After the row: a file without a row does no harm. Before the file, which tells the key when this is cut off
        if not keep_stored:
            _remove_stored(config, name, key)
        _file(config, name).unlink(missing_ok=True)
        sync_folder(config.bundles)
    return stored_bundles.place(config, key) if keep_stored else None


def _remove_stored(config: Config, name: str, key: str) -> None:
    try:
        stored_bundles.remove(config, key)
    except ShoplaunchError as error:
        more = f"its file stays for the next try; `shoplaunch bundle remove {name} --keep-stored` asks no store"
        raise ShoplaunchError(error.code, f"{error.message}; {more}", error.retryable) from None


def _file(config: Config, name: str) -> Path:
    return config.bundles / f"{name}.bundle"


def _is_left_over(config: Config, name: str) -> bool:
    """Return whether the bundle's row is gone and its file is not."""
    with reading(command_line(config).engine) as connection:
        known = {one.name for one in bundles.listed(connection)}
    return name not in known and bundle_store.NAME.match(name) is not None and _file(config, name).is_file()


class _Rows(Protocol):
    """The queries of a kind of named row."""

    def get(self, connection: sa.Connection, name: str, hold: Hold = ...) -> object: ...

    def remove(self, connection: sa.Connection, name: str) -> None: ...


def _look(config: Config, what: str, name: str, rows: _Rows, users: Users) -> None:
    with reading(command_line(config).engine) as connection:
        rows.get(connection, name)
        _require_unused(f"{what} {name}", users(connection, name))


def _remove(config: Config, what: str, name: str, rows: _Rows, users: Users) -> None:
    """Remove the row of the `what` called `name`. Raises ShoplaunchError `in_use`, and as rows.get does."""

    def work(connection: sa.Connection) -> None:
        # A transaction that adds a reference holds the row as well: it ends before this look, or meets no row
        rows.get(connection, name, Hold.ALONE)
        _require_unused(f"{what} {name}", users(connection, name))
        rows.remove(connection, name)

    command_line(config).change(f"{what} remove", name, work)


def _require_unused(what: str, users: Collection[str]) -> None:
    if users:
        more = f" and {len(users) - _SHOWN} more" if len(users) > _SHOWN else ""
        raise ShoplaunchError("in_use", f"{what} is needed by {', '.join(list(users)[:_SHOWN])}{more}")
