"""Step database_user: the shop's database user, or a follow-up job's own, exists and has the job's password."""

from __future__ import annotations

from dataclasses import replace

from controller.jobs.lifecycle.step_context import Outcome, Work
from shared.job import RESTORE


def run(work: Work) -> Outcome:
    """Ensure the user. Raises panel_*, name_taken."""
    account = work.account
    _name, user = work.database_names
    if work.job.kind == RESTORE and not work.tools.panel.has_database_user(account, user):
        work.remember(lambda known: replace(known, made=replace(known.made, database_user=user)))
    work.tools.panel.ensure_database_user(account, user, work.private["db.password"])
    return Outcome(lambda known: replace(known, user_made=work.job.kind != RESTORE), note=user)
