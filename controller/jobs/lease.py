"""A job's lease: whoever holds it works on the job, renewed while it works, free again when its holder dies."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from controller.db import jobs
from controller.db.engine import transact
from controller.jobs.engine.watchdog import report
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
#: Longer than a state database may be locked: a lease that cannot be renewed meanwhile must not be lost.
SECONDS = 90.0
#: Renewals per lease time.
RENEWALS = 6


@contextmanager
def held(engine: sa.Engine, job_id: str, owner: str, clock: Callable[[], float]) -> Iterator[bool]:
    """Give True while we hold the job's lease, False when somebody else does (then nothing may be done).

    Giving it back is the caller's: it knows when the job is due next. Raises RuntimeError when it cannot be renewed
    beside the work, for want of a thread; nobody holds it then.
    """
    now = clock()
    if not transact(engine, lambda connection: jobs.take_lease(connection, job_id, owner, now, now + SECONDS)):
        yield False
        return
    done = threading.Event()
    renewer = threading.Thread(target=_renew, args=(engine, job_id, owner, clock, done), daemon=True)
    try:
        renewer.start()
    except BaseException:
        transact(engine, functools.partial(jobs.free_lease, job_id=job_id, owner=owner))
        raise
    try:
        yield True
    finally:
        done.set()
        renewer.join()


def _renew(engine: sa.Engine, job_id: str, owner: str, clock: Callable[[], float], done: threading.Event) -> None:
    while not done.wait(SECONDS / RENEWALS):
        # The next renewal may succeed; until the lease runs out it is still ours
        try:
            until = clock() + SECONDS
            transact(engine, functools.partial(jobs.renew_lease, job_id=job_id, owner=owner, until=until))
        except ShoplaunchError as error:
            LOG.warning("job %s: lease not renewed: %s", job_id, error.message)
        except BaseException as problem:  # noqa: BLE001 - without renewals two would work on the job
            report(f"job {job_id}: lease not renewed", problem)
