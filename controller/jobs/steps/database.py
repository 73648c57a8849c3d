"""Step database: the shop's database exists and belongs to the account."""

from __future__ import annotations

from controller.jobs.steps.work import Outcome, Work


def run(work: Work) -> Outcome:
    """Raises panel_*, name_taken."""
    account = work.account
    name, _user = work.tools.panel.database_names(account)
    work.tools.panel.ensure_database(account, name)
    return Outcome(note=name)
