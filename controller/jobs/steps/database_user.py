"""Step database_user: the shop's database user exists and has the job's password."""

from __future__ import annotations

from controller.jobs.steps.work import Outcome, Work


def run(work: Work) -> Outcome:
    """Raises panel_*, name_taken."""
    account = work.account
    _name, user = work.tools.panel.database_names(account)
    work.tools.panel.ensure_database_user(account, user, work.private["db.password"])
    return Outcome(note=user)
