"""Step database_user: the shop's database user, or a follow-up job's own, exists and has the job's password."""

from __future__ import annotations

from dataclasses import replace

from controller.db import facts
from controller.jobs.lifecycle import late_removals
from controller.jobs.lifecycle.step_context import Outcome, Work
from shared.errors import ShoplaunchError
from shared.job import RESTORE


def run(work: Work) -> Outcome:
    """Ensure the user. Raises panel_*, name_taken, db_not_empty; StepWaits while a removal of the job
    may still be carried out."""
    late_removals.require_over(work)
    account = work.account
    _name, user = work.database_names
    if work.job.kind == RESTORE and not require_no_shop(work):
        work.remember(lambda known: replace(known, made=replace(known.made, database_user=user)))
    work.tools.panel.ensure_database_user(account, user, work.private["db.password"])
    return Outcome(lambda known: replace(known, user_made=work.job.kind != RESTORE), note=user)


def require_no_shop(work: Work) -> bool:
    """Return whether the user exists. Raise db_not_empty where it belongs to tables that this job has not made: with
    another password, or another PHP, the shop they are of would be down. The controller need not know of it, as after a
    restore from an older backup."""
    panel = work.tools.panel
    database, user = work.database_names
    if not panel.has_database_user(work.account, user):
        return False
    # Steps side by side may have made it just now
    made = facts.of(work.latest).made
    # Once there was a job file, its agent may have made the tables
    if user == made.database_user or database == made.database or work.job.expires_at is not None:
        return True
    if panel.has_database(work.account, database) and panel.holds_tables(work.account, database):
        message = f"the database {database} is not (or not known to be) empty; its user {user} keeps the password"
        raise ShoplaunchError("db_not_empty", message)
    return True
