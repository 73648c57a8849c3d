"""Checks of what lies on this machine: keys, the agent and its channels, bundles."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from controller.access import key_possession
from controller.agent_archive import versions
from controller.agent_archive.build import is_current, launcher
from controller.db import bundles
from controller.db.connection.engine import make_engine, reading
from controller.db.machines import channels
from controller.doctor.servers import servers_of
from controller.jobs.lifecycle import bundle_readers
from controller.keys import load_keys
from controller.panels.base import Check
from controller.panels.registry import is_here
from controller.settings.sections import Config
from controller.setup import secret_files
from controller.timestamps import iso
from shared.errors import ShoplaunchError, advice
from shared.job import AGENT_FILE, LAUNCHER_FILE


def keys(config: Config) -> Iterator[Check]:
    """Yield whether the keys are closed to others. Raises ShoplaunchError where there are none."""
    known = load_keys(config.keys)
    mode = config.keys.stat().st_mode & 0o077
    yield Check("", mode == 0, f"{len(known.signing)} signing key(s)", f"chmod 700 {config.keys}" if mode else "")


def secret_files_closed(config: Config) -> Iterator[Check]:
    """Yield the secret files that every user can read."""
    for path, what in secret_files.open_to_all([config.file, *(path for _name, path in secret_files.named(config))]):
        yield Check("", False, f"every user of this machine can read {path}", what)


def sealed_values(config: Config) -> Iterator[Check]:
    """Yield whether the keys open what is sealed in the database."""
    with reading(make_engine(config.database_url)) as connection:
        opened, closed = key_possession.opens(connection, load_keys(config.keys))
    message = f"{closed} of {opened + closed} were sealed with a key that is gone" if closed else "the keys open them"
    yield Check("", not closed, message, advice("keys_lost"))


def agent(config: Config) -> Iterator[Check]:
    """Yield whether the agent fits this version, and whether it and each kept one trust this installation's keys
    and no others. Raises agent_not_built."""
    path = config.agent / AGENT_FILE
    if not path.is_file() or not (config.agent / LAUNCHER_FILE).is_file():
        raise ShoplaunchError("agent_not_built", f"there is no agent in {config.agent}")
    try:
        with zipfile.ZipFile(path) as archive:
            yield _version(config, archive)
    except (zipfile.BadZipFile, KeyError) as problem:
        raise ShoplaunchError("agent_not_built", f"{path} is damaged: {problem}") from None
    yield _trust(config, "", path)
    for version in versions.kept(config.agent):
        kept = _trust(config, f"agent {version}", config.agent / versions.FOLDER / version / AGENT_FILE)
        if not kept.ok:
            yield kept


def _trust(config: Config, name: str, path: Path) -> Check:
    what = "Run `shoplaunch init`."
    # Before the keys: a rotation installs the agent that knows the newer ones, and then writes them
    try:
        trusted = versions.trusted(path.read_bytes())
    except ShoplaunchError as error:
        # Of a kept one, `init` says what else to do
        return Check(name, False, f"{path} is damaged: {error.message}", advice("agent_not_built"))
    known = [key.hex() for key in load_keys(config.keys).public_keys()]
    if known[-1] not in trusted:
        return Check(name, False, "does not know the newest key", what)
    gone = len(set(trusted) - set(known))
    if gone:
        message = f"trusts {gone} key(s) that are not here any more: it would obey job files signed by them"
        return Check(name, False, message, f"{what} Then `shoplaunch skeleton install --all`.")
    return Check(name, True, "knows the newest key")


def _version(config: Config, archive: zipfile.ZipFile) -> Check:
    name = "agent's version"
    try:
        current = is_current(archive, config.agent_pythons)
    except ShoplaunchError as error:
        return Check(name, False, f"agent_pythons: {error.message}", "Correct agent_pythons in shoplaunch.toml.")
    current = current and (config.agent / LAUNCHER_FILE).read_bytes() == launcher()
    message = "of this version" if current else "not of this version, or compiled for other Pythons than agent_pythons"
    return Check(name, current, message, "Run `shoplaunch migrate`, then `skeleton install` per server.")


def agent_channels(config: Config) -> Iterator[Check]:
    """Yield the channels whose versions are not kept, or whose roll-out has stopped."""
    kept = versions.kept(config.agent)
    with reading(make_engine(config.database_url)) as connection:
        known = channels.listed(connection)
    for one in known:
        gone = [version for version in (one.current, one.next) if version not in ("", *kept)]
        if gone:
            message = f"channel {one.name}: {' and '.join(gone)} not kept here; its jobs get the installed agent"
            instead = f"`shoplaunch agent follow --channel {one.name}`"
            yield Check("", False, message, f"Bring it back into {config.agent / versions.FOLDER}, or run {instead}.")
        if one.stopped_at is not None:
            message = f"channel {one.name}: the roll-out of {one.next} stopped on {iso(one.stopped_at)}: {one.reason}"
            yield Check("", False, message, advice("roll_out_stopped"), optional=True)


def stored_bundles(config: Config) -> Iterator[Check]:
    """Yield whether each bundle is there and closed, and how accounts of this machine get it."""
    with reading(make_engine(config.database_url)) as connection:
        known = bundles.listed(connection)
    for bundle in known:
        path = config.bundles / f"{bundle.name}.bundle"
        name = f"bundle {bundle.name}"
        if not path.is_file() or path.stat().st_size != bundle.size:
            yield Check(name, False, "missing or cut short", f"Add it again: `bundle add {bundle.name} FILE`.")
        elif path.stat().st_mode & 0o007:
            advice_of_mode = f"chmod 600 {path}, and chown it to the user of the service, which then keeps it closed."
            yield Check(name, False, "every user of this machine can copy it", advice_of_mode)
        else:
            yield Check(name, True, "there")
    if known and any(is_here(server.panel) for server in servers_of(config)):
        near = bundle_readers.keeps_lists(config.bundles)
        far = "fetched from here: the file system keeps no access lists, or accounts may not enter the folders above"
        yield Check("bundles", True, "read where they lie, each by accounts whose jobs need it" if near else far)
