"""Starts a follow-up job on a live shop, and withdraws a password link that it makes outdated."""

from __future__ import annotations

from collections.abc import Mapping

from controller.db import jobs
from controller.db.connection.engine import reading
from controller.db.identities.access import Note
from controller.db.jobs import Job
from controller.follow_up_kinds import KINDS
from controller.jobs.engine.operations import follow_up
from controller.jobs.intake.installation import Installation
from controller.jobs.shop import credentials


def start(
    installation: Installation,
    parent_id: str,
    kind: str,
    given: Mapping[str, str],
    note: Note | None = None,
    *,
    anew: bool = False,
) -> Job:
    """Return the open follow-up job of `kind` on the shop of job `parent_id`, with `anew` a new one; see
    follow_up.start."""
    own = installation
    with reading(own.engine) as connection:
        parent = jobs.get(connection, parent_id)
    wanted = follow_up.Wanted(kind, given, note, anew)
    job = follow_up.start(own.engine, own.keys, own.bundles, parent, wanted, own.now())
    if KINDS[kind].asks_password:
        # A password that still waits behind a link is about to be outdated
        credentials.withdraw(own.engine, parent_id, own.now())
    return own.due(job)
