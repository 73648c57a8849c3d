"""Step database: the shop's database exists and belongs to the account."""

from __future__ import annotations

from dataclasses import replace

from controller.jobs.lifecycle.step_context import Outcome, Work


def run(work: Work) -> Outcome:
    """Ensure the database. Raises panel_*, name_taken."""
    account = work.account
    name, _user = work.tools.panel.database_names(account)
    if not work.tools.panel.has_database(account, name):
        work.remember(lambda known: replace(known, made=replace(known.made, database=name)))
    work.tools.panel.ensure_database(account, name)
    return Outcome(note=name)
