"""Step privileges: the database user may do everything in the shop's database."""

from __future__ import annotations

from controller.jobs.lifecycle.step_context import Outcome, Work


def run(work: Work) -> Outcome:
    """Grant the privileges. Raises panel_*."""
    account = work.account
    name, user = work.database_names
    work.tools.panel.ensure_privileges(account, name, user)
    return Outcome()
