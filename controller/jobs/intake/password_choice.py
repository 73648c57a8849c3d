"""The client chooses the back office's password behind a link, once; a follow-up job sets it in the shop."""

from __future__ import annotations

from dataclasses import replace

from controller.db import jobs
from controller.db.connection.engine import reading, transact
from controller.db.identities.access import Note
from controller.db.jobs import Job
from controller.follow_up_kinds import SET_ADMIN_PASSWORD
from controller.jobs.intake import follow_ups
from controller.jobs.intake.installation import Installation
from controller.jobs.lifecycle import states
from controller.jobs.shop import credentials
from shared.errors import ShoplaunchError

MIN_CHARS = 10
#: The application's hash ignores more.
MAX_BYTES = 72
#: A claim without its job counts as lost after this time.
BEGIN_SECONDS = 60.0
SETTING, DONE, TROUBLE = "setting", "done", "trouble"


def check(password: str) -> None:
    """Raise ShoplaunchError `password_unfit` for a weak password, or one the shop cannot take."""
    if len(password) < MIN_CHARS or len(password.encode("utf-8")) > MAX_BYTES or not password.isprintable():
        bounds = f"{MIN_CHARS} characters at least, and {MAX_BYTES} bytes at most"
        raise ShoplaunchError("password_unfit", f"a password has {bounds}")


def choose(installation: Installation, job: Job, nonce: str, password: str, note: Note | None = None) -> bool:
    """Set the client's password in the shop; return False when the link was used already.

    `note` is written with the claim, and again, with the reason, when the claim is given back.

    Raises ShoplaunchError `password_unfit`, and as `follow_ups.start` does; the link can then be used again.
    """
    check(password)
    # Claimed first: of two concurrent calls only one may succeed
    if not credentials.claim(installation.engine, job.id, nonce, installation.now(), note):
        return False
    try:
        given = {"admin.password": password}
        # A job that is open already sets another password: the page would show the client this one as set
        follow_ups.start(installation, job.id, SET_ADMIN_PASSWORD, given, anew=True)
    except ShoplaunchError as error:
        if note is not None:
            _note_failure(installation, replace(note, detail=f"{note.detail} {error.code}"), job)
        credentials.give_back(installation.engine, job.id, nonce, installation.now())
        raise
    return True


def _note_failure(installation: Installation, note: Note, job: Job) -> None:
    transact(installation.engine, lambda connection: note.write(connection, installation.now(), job.id))


def progress(installation: Installation, job: Job) -> str:
    """Return the progress of the password chosen through the job's link: `setting`, `done` or `trouble`."""
    with reading(installation.engine) as connection:
        begun = jobs.follow_ups(connection, job.id)
    state = next((one.state for one in begun if one.kind == SET_ADMIN_PASSWORD), None)
    if state is None:
        # The claiming call has not started the job yet, or was killed before it could
        known = credentials.link(job)
        since = installation.now() - (0.0 if known is None or known.used_at is None else known.used_at)
        return SETTING if since < BEGIN_SECONDS else TROUBLE
    if state == states.LIVE:
        return DONE
    return TROUBLE if state in (states.FAILED, states.STALLED, states.CANCELLED) else SETTING
