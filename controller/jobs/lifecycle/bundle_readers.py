"""Which accounts of this machine may read a bundle's file: those whose jobs need it, while their agents work."""

from __future__ import annotations

import fcntl
import logging
import os
import pwd
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from controller.access_lists import NotKept, close_to_all_but, readers
from controller.db import facts
from controller.db.connection.engine import reading
from controller.db.jobs import Job
from controller.db.machines import jobs_there
from controller.db.machines.jobs_there import Restoring
from controller.jobs.lifecycle import states
from controller.panels.registry import here
from shared.errors import ShoplaunchError
from shared.job import RESTORE
from shared.system_users import find

LOG = logging.getLogger(__name__)
#: An agent may work this much longer than its job is valid: its clock may be behind.
LEEWAY_SECONDS = 600.0
#: Lower user ids belong to the system.
FIRST_ACCOUNT = 1000
_LOCK = ".readers.lock"
#: States in which an agent may work; in FINISHING, one whose final report did not arrive may still clean up.
OPEN = (*(state for state in states.STATES if states.may(state, "agent_works")), states.FINISHING)


def renew(engine: sa.Engine, folder: Path, now: float, name: str | None = None) -> Mapping[str, set[int]]:
    """Open each bundle in `folder` (or that called `name`) to the accounts whose jobs need it now, and close it to all
    others; return bundle's name -> ids of the users that may read it.

    Accounts for which the access list has no room get no access. Raises OSError, database_busy.
    """
    found: dict[str, set[int]] = {}
    with _exclusive(folder):
        # Read under the lock: the process that gets it later has newer data
        wanted = _wanted(engine, now, name)
        for path in sorted(folder.glob("*.bundle")) if name is None else [folder / f"{name}.bundle"]:
            if _is_own(path):
                found[path.stem] = _opened(path, wanted.get(path.stem, set()))
    return found


def let_in(engine: sa.Engine, folder: Path, now: float, name: str, user: int) -> bool:
    """Open the bundle `name` to one more account, whose job's row names `user` already, or close it where that job does
    not need it; return whether the account may read it.

    Other accounts' jobs are looked through only where the list has no room: of many that begin at once each would look
    through all of them. Raises OSError, database_busy.
    """
    path = folder / f"{name}.bundle"
    with _exclusive(folder):
        if not _is_own(path) or not _admitted(engine, now, path, user):
            return False
        try:
            close_to_all_but(path, readers(path) | {user})
        except NotKept:
            pass
        else:
            return True
    return user in renew(engine, folder, now, name).get(name, set())


def _admitted(engine: sa.Engine, now: float, path: Path, user: int) -> bool:
    """Return whether a job of the user needs the bundle; it is closed to who does not need it."""
    if user in _wanted(engine, now, path.stem, user).get(path.stem, set()):
        return True
    close_to_all_but(path, readers(path) - {user})
    return False


def keeps_lists(folder: Path) -> bool:
    """Return whether access lists can open files of `folder` to single accounts; the trial file is removed."""
    if not others_may_enter(folder):
        return False
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".trial.") as file:
        try:
            close_to_all_but(Path(file.name), {os.geteuid() + 1})
        except NotKept:
            return False
    return True


def others_may_enter(folder: Path) -> bool:
    """Return whether any user can open a file in `folder` by its name."""
    return all(one.stat().st_mode & 0o001 for one in (folder, *folder.parents))


def leave(engine: sa.Engine, folder: Path, now: float, job: Job) -> None:
    """Close the bundle to the job's account once its agent has nothing to do any more.

    Failures are made up for by the next `renew` of all bundles.
    """
    user, path = facts.of(job).bundle_reader, folder / f"{job.bundle}.bundle"
    if job.kind != RESTORE or user is None or job.state in OPEN:
        return
    try:
        with _exclusive(folder):
            if _is_own(path):
                _admitted(engine, now, path, user)
    except (OSError, NotKept, ShoplaunchError) as problem:
        LOG.warning("bundle %s is not closed to %s yet: %s", job.bundle, job.account, problem)


def _wanted(engine: sa.Engine, now: float, name: str | None = None, reader: int | None = None) -> dict[str, set[int]]:
    """Return bundle's name -> ids of the users that need it; only of the bundle `name`, and of the user `reader`."""
    found: dict[str, set[int]] = {}
    with reading(engine) as connection:
        for job in jobs_there.restoring_on(connection, here(), OPEN, name, reader):
            over = job.expires_at is not None and now > job.expires_at + LEEWAY_SECONDS
            user = _user_of(job)
            if user is not None and (job.state == states.PREPARING or not over):
                found.setdefault(job.bundle, set()).add(user)
    return found


def _user_of(job: Restoring) -> int | None:
    """Return the id of the account's user, None when the job reads no file here."""
    known = facts.of(job).bundle_reader
    if known is not None or job.state == states.PREPARING:
        return known
    # Jobs of a version that let every account read bundles have no user noted
    found = find(pwd.getpwnam, job.account)
    return found.pw_uid if found is not None and found.pw_uid >= FIRST_ACCOUNT else None


def _opened(path: Path, users: set[int]) -> set[int]:
    """Open the file to as many of `users` as possible, preferring those that may read it already; return them."""
    for chosen in (users, users & readers(path), set[int]()):
        try:
            close_to_all_but(path, chosen)
        except NotKept as problem:
            LOG.warning("not every account can be let in: %s", problem)
            continue
        break
    return chosen


def _is_own(path: Path) -> bool:
    """Return whether there is a file whose access the controller may change: `doctor` names the others."""
    if not path.is_file() or path.is_symlink():
        return False
    return os.geteuid() in (0, path.stat().st_uid)


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Admit one process at a time; accounts cannot open the lock."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
