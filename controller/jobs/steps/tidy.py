"""Step tidy: the database user of a follow-up job is removed."""

from __future__ import annotations

from dataclasses import replace

from controller.jobs.lifecycle.step_context import Outcome, Work


def run(work: Work) -> Outcome:
    """Remove the user. Raises panel_*."""
    _database, user = work.database_names
    work.tools.panel.remove_database_user(work.account, user)
    return Outcome(lambda known: replace(known, user_made=False), note=f"{user} is gone")
