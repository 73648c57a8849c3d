"""A service's configuration file, changed safely: tested aside, noted, tested in place, reloaded, put back if bad."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from controller import files
from controller.panels.local import commands
from shared.errors import ShoplaunchError

#: Beside the file while a change is under way; holds what was there before. The services read only `*.conf`.
NOTE_SUFFIX = ".shoplaunch-change"
_ABSENT = b"absent\n"
_PRESENT = b"present\n"


#: While a service reads its files again it may not be found for a moment.
RELOAD_SECONDS = 15


@dataclass(frozen=True)
class Service:
    """How a service is told: `test` checks all of its files, `reload` makes it read them again.

    `test_aside` checks the one new file `aside` outside of the service's own folders. Reloads are asynchronous: the
    service may read its folder long after it was told to, and must then find nothing there that would end it.
    """

    name: str
    test: Sequence[str]
    reload: Sequence[str]
    aside: Path
    test_aside: Sequence[str]


@contextmanager
def exclusive(folder: str, name: str) -> Iterator[None]:
    """One process at a time, by the lock `name` in the panel's own `folder` (made 0700)."""
    Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(Path(folder) / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def ensure(service: Service, path: Path, content: bytes, mode: int, works: Callable[[], bool]) -> bool:
    """`path` holds `content` and the service has read it; return whether anything was done.

    `works` tells whether the running service already behaves so. To be called under `exclusive`. Raises
    panel_refused, with the file as it was before, when the service's own test fails.
    """
    note = path.with_name(path.name + NOTE_SUFFIX)
    if not note.exists() and read(path) == content and works():
        return False
    files.write_durably(service.aside, content, 0o600)
    done = commands.attempt(service.test_aside)
    if done.returncode != 0:
        raise _refusal(service, path, done)
    _begin(path, note)
    files.write_durably(path, content, mode)
    _test_or_put_back(service, path, note, mode)
    _reload(service)
    commands.remove_durably(note)
    return True


def remove(service: Service, path: Path) -> bool:
    """`path` is gone and the service has noticed; return whether anything was done. Under `exclusive`."""
    note = path.with_name(path.name + NOTE_SUFFIX)
    if not path.exists() and not note.exists():
        return False
    _begin(path, note)
    commands.remove_durably(path)
    _test_or_put_back(service, path, note, 0o644)
    _reload(service)
    commands.remove_durably(note)
    return True


def read(path: Path) -> bytes | None:
    """Return the file's content, None when there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _begin(path: Path, note: Path) -> None:
    """Note what was there before; the note of an interrupted change is older and therefore kept."""
    if not note.exists():
        before = read(path)
        files.write_durably(note, _ABSENT if before is None else _PRESENT + before, 0o600)


def _test_or_put_back(service: Service, path: Path, note: Path, mode: int) -> None:
    done = commands.attempt(service.test)
    if done.returncode == 0:
        return
    before = note.read_bytes()
    if before == _ABSENT:
        commands.remove_durably(path)
    else:
        files.write_durably(path, before[len(_PRESENT) :], mode)
    commands.remove_durably(note)
    raise _refusal(service, path, done)


def _refusal(service: Service, path: Path, done: subprocess.CompletedProcess[bytes]) -> ShoplaunchError:
    return ShoplaunchError("panel_refused", f"{service.name} does not accept {path.name}: {commands.said(done)}")


def _reload(service: Service) -> None:
    deadline = time.monotonic() + RELOAD_SECONDS
    while True:
        try:
            commands.run(service.reload)
            return
        except ShoplaunchError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
