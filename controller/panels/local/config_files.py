"""Change an account's part of a service's file safely: test aside, note, replace, reload, roll back on failure."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from controller import files
from controller.panels.local import blocks, commands
from controller.processes import Ended
from shared.errors import ShoplaunchError

#: Suffix of the note next to the file during a change; it holds the earlier content. The services read only `*.conf`.
NOTE_SUFFIX = ".shoplaunch-change"
MODE = 0o644
_ABSENT = b"absent\n"
_PRESENT = b"present\n"


#: During a reload a service may be unavailable for a moment.
RELOAD_SECONDS = 15
#: PHP-FPM gives its workers ten seconds, twice; the rest is for slow machines with many sites.
TAKEN_SECONDS = 60


@dataclass(frozen=True)
class Service:
    """A service and its commands: `test` checks all of its files, `reload` makes it read them again.

    `path` is the file with the accounts' parts, `comment` starts a comment there. `test_aside` checks the one new part
    in the file `aside` outside of the service's own folders. Reloads are asynchronous: the service may read its folder
    long after the command, and must then find nothing there that would end it.
    """

    name: str
    path: Path
    comment: str
    test: Sequence[str]
    reload: Sequence[str]
    aside: Path
    test_aside: Sequence[str]

    @property
    def note(self) -> Path:
        """Return the path of the note about a change under way."""
        return self.path.with_name(self.path.name + NOTE_SUFFIX)

    def parts(self) -> dict[str, bytes]:
        """Return account -> its part of the current file."""
        return blocks.parts(read(self.path), self.comment)


@contextmanager
def exclusive(folder: str, name: str) -> Iterator[None]:
    """Hold the lock `name` in the panel's own `folder` (created 0700), one process at a time."""
    Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(Path(folder) / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def ensure(service: Service, name: str, part: bytes, works: Callable[[], bool]) -> bool:
    """Ensure that the file holds `part` for account `name` and the service uses it; return whether anything was done.

    `works` returns whether the running service behaves accordingly. Call it under `exclusive`. Raises panel_refused:
    with the earlier file restored when the service's own test fails, retryable when the service does not take the
    change.
    """
    found = service.parts()
    if not service.note.exists() and found.get(name) == part and works():
        return False
    files.write_durably(service.aside, part, 0o600)
    done = commands.attempt(service.test_aside)
    if done.returncode != 0:
        raise _refusal(service, done)
    _change(service, {**found, name: part}, works)
    return True


def remove(service: Service, name: str, gone: Callable[[], bool]) -> bool:
    """Remove the part of account `name` and wait until the service has noticed; return whether anything was done.

    `gone` returns whether the running service behaves accordingly. Under `exclusive`; raises as `ensure` does.
    """
    found = service.parts()
    if name not in found and not service.note.exists() and gone():
        return False
    found.pop(name, None)
    _change(service, found, gone)
    return True


def replace(service: Service, parts: dict[str, bytes], taken: Callable[[], bool]) -> None:
    """Make the file hold `parts` (account -> part) and wait until the service has noticed. Under `exclusive`; raises as
    `ensure` does."""
    _change(service, parts, taken)


def _change(service: Service, found: dict[str, bytes], taken: Callable[[], bool]) -> None:
    _begin(service.path, service.note)
    files.write_durably(service.path, blocks.joined(found, service.comment), MODE)
    _test_or_put_back(service)
    _reload(service)
    # The reload command returns before the service has read anything; until then the change is under way.
    deadline = time.monotonic() + TAKEN_SECONDS
    while not taken():
        if time.monotonic() > deadline:
            message = f"{service.name} does not take a change of {service.path} within {TAKEN_SECONDS} s; see its log"
            raise ShoplaunchError("panel_refused", message, True)
        time.sleep(0.02)
    commands.remove_durably(service.note)


def read(path: Path) -> bytes | None:
    """Return the file's content, None when there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _begin(path: Path, note: Path) -> None:
    """Note the earlier content; the note of an interrupted change is older and is therefore kept."""
    if not note.exists():
        before = read(path)
        files.write_durably(note, _ABSENT if before is None else _PRESENT + before, 0o600)


def _test_or_put_back(service: Service) -> None:
    done = commands.attempt(service.test)
    if done.returncode == 0:
        return
    before = service.note.read_bytes()
    if before == _ABSENT:
        commands.remove_durably(service.path)
    else:
        files.write_durably(service.path, before[len(_PRESENT) :], MODE)
    commands.remove_durably(service.note)
    raise _refusal(service, done)


def _refusal(service: Service, done: Ended) -> ShoplaunchError:
    return ShoplaunchError("panel_refused", f"{service.name} does not accept the site's part: {commands.said(done)}")


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
