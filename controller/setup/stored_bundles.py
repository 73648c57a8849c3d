"""Puts bundles into the object store of section [bundle_store], and takes them away; the audit log notes both."""

from __future__ import annotations

from controller.access.actor import command_line
from controller.db import bundles
from controller.db.bundles import Bundle
from controller.db.connection.engine import reading
from controller.object_store import store
from controller.object_store.store import ObjectStore
from controller.settings.sections import Config
from controller.setup import inventory
from shared.errors import ShoplaunchError

#: Of a file's SHA-256: another file of the same name is another object, and addresses of the old one stay right.
_DIGITS = 16


def require_store(config: Config) -> ObjectStore:
    """Return the store. Raises ShoplaunchError `config_invalid` where none is configured."""
    found = store.opened(config)
    if found is None:
        raise ShoplaunchError("config_invalid", "there is no section [bundle_store]")
    return found


def key_of(name: str, sha256: str) -> str:
    """Return the key under which the store holds the file of this name and digest."""
    return f"{name}-{sha256[:_DIGITS]}.bundle"


def put(config: Config, name: str) -> Bundle:
    """Put the bundle into the store, from where agents fetch it from now on; return its row.

    Raises ShoplaunchError `bundle_store_failed`, `bundle_unknown`, `bundle_missing`, `config_invalid`.
    """
    bundle, path = inventory.bundle_file(config, name)
    actor = command_line(config)
    key = key_of(name, bundle.sha256)
    require_store(config).put(key, path, bundle.sha256, actor.now())
    actor.change("bundle store", f"{name} {key}", lambda connection: bundles.note_store(connection, name, key))
    return inventory.bundle_store(config).get(name)


def take_away(config: Config, name: str) -> Bundle:
    """Let agents fetch the bundle from the controller again, and remove it from the store; return its row. It goes on
    where it was cut off before.

    Raises ShoplaunchError `bundle_unknown`; `bundle_store_failed` when it stays there.
    """
    actor = command_line(config)
    with reading(actor.engine) as connection:
        known = bundles.get(connection, name)
    actor.change("bundle unstore", name, lambda connection: bundles.note_store(connection, name, None))
    remove(config, known.store_key or key_of(name, known.sha256))
    return inventory.bundle_store(config).get(name)


def remove(config: Config, key: str) -> None:
    """Remove what the store holds under `key`, if anything. Raises ShoplaunchError `bundle_store_failed`."""
    if (found := store.opened(config)) is not None:
        found.remove(key, inventory.now(config))


def place(config: Config, key: str) -> str | None:
    """Return where the store keeps what it holds under `key`; None where there is no store. It is not asked."""
    found = store.opened(config)
    return None if found is None else found.place(key)
