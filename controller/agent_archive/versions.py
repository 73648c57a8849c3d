"""Agents side by side: the installed one, and others kept in a folder each, named by what they were built from."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from controller.agent_archive.build import FILE_MODE, packed
from controller.agent_archive.bytecode import BYTECODE
from controller.files import alone, unfinished, write_durably
from shared.errors import ShoplaunchError
from shared.job import AGENT_FILE, LAUNCHER_FILE

FOLDER = "versions"
_FILES = (AGENT_FILE, LAUNCHER_FILE)
KEYS = "agent/keys.json"
#: What reading a damaged archive raises.
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError)
#: Of the digest of sources and libraries, behind the agent's own version.
_DIGITS = 10
_VERSION = re.compile(rb'^VERSION = "([0-9A-Za-z.+-]{1,40})"', re.MULTILINE)
_NAME = re.compile(r"[0-9A-Za-z.+]{1,40}-[0-9a-f]{10}\Z")


class AgentFiles(NamedTuple):
    """Launcher and agent, and which version they are."""

    version: str
    launcher: bytes
    agent: bytes


@lru_cache(maxsize=8)
def version_of(launcher: bytes, agent: bytes) -> str:
    """Return the version: the agent's own, and a digest of all it runs, whatever its keys and its bytecode."""
    digest = hashlib.sha256(launcher)
    try:
        with zipfile.ZipFile(io.BytesIO(agent)) as archive:
            found = _VERSION.search(archive.read("agent/__init__.py"))
            for name in sorted(archive.namelist()):
                if name != KEYS and not name.startswith(f"{BYTECODE}/"):
                    digest.update(name.encode() + b"\0" + hashlib.sha256(archive.read(name)).digest())
    except (zipfile.BadZipFile, KeyError):
        found = None
        digest.update(agent)
    own = found[1].decode("ascii").replace("-", ".") if found else "0"
    return f"{own}-{digest.hexdigest()[:_DIGITS]}"


def installed(folder: Path) -> AgentFiles:
    """Return the agent of this installation, in `folder`. Raises ShoplaunchError `agent_not_built`."""
    return _read(folder)


@contextmanager
def alone_with_agents(folder: Path) -> Iterator[None]:
    """Wait until nobody else installs an agent in `folder`, keeps one, removes one or gives one to a channel.

    Each would go on with what the other has replaced. What was killed while it wrote one goes. Raises OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with alone(folder):
        for place in (folder, *(folder / FOLDER / version for version in kept(folder))):
            for path in unfinished(place):
                path.unlink(missing_ok=True)
        yield


def files(folder: Path, version: str) -> AgentFiles:
    """Return the agent kept as `version`; the installed one for "", and where that version is not kept here: a job must
    not fail because an agent went away. Raises ShoplaunchError `agent_not_built`."""
    if version in kept(folder):
        return _read(folder / FOLDER / version)
    return installed(folder)


def kept(folder: Path) -> list[str]:
    """Return the versions kept in `folder`, in alphabetical order; one cut off while it came or went is none."""
    try:
        found = [path.name for path in (folder / FOLDER).iterdir() if all((path / one).is_file() for one in _FILES)]
    except FileNotFoundError:
        return []
    return sorted(name for name in found if _NAME.match(name))


def keep(folder: Path) -> str:
    """Keep the installed agent as one more; return its version. Raises ShoplaunchError `agent_not_built`; OSError."""
    found = installed(folder)
    place = folder / FOLDER / found.version
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_durably(place / AGENT_FILE, found.agent, FILE_MODE)
    # Until both are there it is none
    write_durably(place / LAUNCHER_FILE, found.launcher, FILE_MODE)
    return found.version


def remove(folder: Path, version: str) -> None:
    """Remove the kept agent, or what a removal left of it that was cut off. Raises ShoplaunchError `agent_unknown`;
    OSError."""
    require_part(folder, version)
    shutil.rmtree(folder / FOLDER / version)


def require(folder: Path, version: str) -> None:
    """Raise ShoplaunchError `agent_unknown` unless this version is kept."""
    if version not in kept(folder):
        raise ShoplaunchError("agent_unknown", f"no agent is kept as {version[:80]!r}")


def require_part(folder: Path, version: str) -> None:
    """Raise ShoplaunchError `agent_unknown` unless something of this version is here."""
    if not (_NAME.match(version) and (folder / FOLDER / version).is_dir()):
        require(folder, version)


def trust(folder: Path, public_keys: Sequence[bytes]) -> None:
    """Give these keys to every kept agent, as to the installed one: job files are signed with the newest.

    Raises ShoplaunchError `agent_not_built` for one that is damaged: parts of it may run, and trust the former keys.
    OSError.
    """
    for version in kept(folder):
        path = folder / FOLDER / version / AGENT_FILE
        agent = path.read_bytes()
        try:
            wanted = trusting(agent, public_keys)
        except UNREADABLE as problem:
            what = f"bring a whole one back, or run `shoplaunch agent remove {version}`"
            raise ShoplaunchError("agent_not_built", f"{path} is damaged: {problem}; {what}") from None
        if wanted != agent:
            write_durably(path, wanted, FILE_MODE)


def trusting(agent: bytes, public_keys: Sequence[bytes]) -> bytes:
    """Return the agent's archive with these keys, and no others."""
    wanted = json.dumps({"keys": [key.hex() for key in public_keys]}).encode()
    with zipfile.ZipFile(io.BytesIO(agent)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return agent if members[KEYS] == wanted else packed({**members, KEYS: wanted})


def trusted(agent: bytes) -> list[str]:
    """Return the public keys that the agent's archive trusts, in hexadecimal. Raises ShoplaunchError `agent_not_built`
    for an archive that cannot be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(agent)) as archive:
            return [str(key) for key in json.loads(archive.read(KEYS))["keys"]]
    except (*UNREADABLE, TypeError, ValueError) as problem:
        raise ShoplaunchError("agent_not_built", f"the agent's keys cannot be read: {problem}") from None


def _read(folder: Path) -> AgentFiles:
    try:
        launcher, agent = (folder / LAUNCHER_FILE).read_bytes(), (folder / AGENT_FILE).read_bytes()
    except OSError as problem:
        raise ShoplaunchError("agent_not_built", f"{problem.filename}: {problem.strerror}") from None
    return AgentFiles(version_of(launcher, agent), launcher, agent)
