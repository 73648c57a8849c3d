"""The client chooses the back office's password behind a link: once, and a later job brings it into the shop."""

from __future__ import annotations

from dataclasses import replace

from controller.db import jobs
from controller.db.connection.engine import reading, transact
from controller.db.identities.access import Note
from controller.db.jobs import Job
from controller.jobs.engine.follow_up import SET_ADMIN_PASSWORD
from controller.jobs.intake import follow_ups
from controller.jobs.intake.installation import Installation
from controller.jobs.lifecycle import states
from controller.jobs.shop import credentials
from shared.errors import ShoplaunchError

MIN_CHARS = 10
#: More the application's hash does not look at.
MAX_BYTES = 72
#: So long a claim may be without its job before it counts as lost.
BEGIN_SECONDS = 60.0
SETTING, DONE, TROUBLE = "setting", "done", "trouble"


def check(password: str) -> None:
    """Raise ShoplaunchError `password_unfit` for one that nobody should have, or the shop cannot take."""
    if len(password) < MIN_CHARS or len(password.encode("utf-8")) > MAX_BYTES or not password.isprintable():
        bounds = f"{MIN_CHARS} characters at least, and {MAX_BYTES} bytes at most"
        raise ShoplaunchError("password_unfit", f"a password has {bounds}")


def choose(installation: Installation, job: Job, nonce: str, password: str, note: Note | None = None) -> bool:
    """Bring the client's password into the shop; False when the link has served already.

    `note` is written with the claim, and once more with what the claim was given back for.

    Raises ShoplaunchError `password_unfit`, and as `follow_ups.start` does; the link may be used again then.
    """
    check(password)
    # Claimed first: of two who choose at once only one may believe that it worked
    if not credentials.claim(installation.engine, job.id, nonce, installation.now(), note):
        return False
    try:
        follow_ups.start(installation, job.id, SET_ADMIN_PASSWORD, {"admin.password": password})
    except ShoplaunchError as error:
        if note is not None:
            _note_failure(installation, replace(note, detail=f"{note.detail} {error.code}"), job)
        credentials.give_back(installation.engine, job.id, nonce, installation.now())
        raise
    return True


def _note_failure(installation: Installation, note: Note, job: Job) -> None:
    transact(installation.engine, lambda connection: note.write(connection, installation.now(), job.id))


def progress(installation: Installation, job: Job) -> str:
    """Return how far the password is that was chosen by the job's link: `setting`, `done` or `trouble`."""
    with reading(installation.engine) as connection:
        begun = jobs.children(connection, job.id)
    state = next((one.state for one in begun if one.kind == SET_ADMIN_PASSWORD), None)
    if state is None:
        # Claimed by a call that has not begun the job yet, or was killed before it could
        known = credentials.link(job)
        since = installation.now() - (0.0 if known is None or known.used_at is None else known.used_at)
        return SETTING if since < BEGIN_SECONDS else TROUBLE
    if state == states.LIVE:
        return DONE
    return TROUBLE if state in (states.FAILED, states.STALLED, states.CANCELLED) else SETTING
