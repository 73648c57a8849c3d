"""Removes what a cancelled job made itself: database, its user, account – never anything that holds more than that."""

from __future__ import annotations

from dataclasses import replace

from controller.account import Account
from controller.db.facts import Made
from controller.jobs.agent_link.panel_reading import marker
from controller.jobs.lifecycle import late_removals, places
from controller.jobs.lifecycle.step_context import Work
from controller.panels.base import Panel
from shared.errors import ShoplaunchError

#: States of the account a job made: MAYBE until the panel has confirmed it.
MAYBE, MADE = "maybe", "made"
#: Key of the account's crontab among the paths of its contents.
CRONTAB = "(crontab)"
#: Names of later additions shown to people.
SHOWN = 5


def contents(panel: Panel, account: Account, job_id: str) -> dict[str, str] | None:
    """Return the account's contents without the job's own, path -> a text that changes with the content; None where the
    panel cannot list them. Raises ShoplaunchError of the panel."""
    found = panel.home_entries(account)
    if found is None:
        return None
    own = f"# {marker(job_id)}"
    lines = [line for line in panel.cron_lines(account) if not line.rstrip().endswith(own)]
    return {**found, CRONTAB: "\n".join(lines)}


def run(work: Work) -> tuple[Made, str]:
    """Remove what the job made; return (what is left of that, what stays and why, or "").

    Call it when the agent is gone. Repeating it is safe once what it sent was answered, or is no more to come
    (controller.jobs.lifecycle.late_removals). Raises ShoplaunchError of the panel.
    """
    made, panel = work.facts.made, work.tools.panel
    if not (made.account or made.database or made.database_user or made.born):
        return made, ""
    account = _find(panel, work.job.account)
    if account is None:
        return Made(), ""
    kept = _why_kept(work, account) or places.kept_for(work.tools.engine, work.job)
    with late_removals.noted(work):
        if not kept:
            panel.remove_account(account)
            return Made(), ""
        left, full = _remove_from(work, account, made)
    reasons = [kept if made.account else "", full]
    return left, "; ".join(filter(None, reasons))


def _find(panel: Panel, user: str) -> Account | None:
    try:
        return panel.find_account(user)
    except ShoplaunchError as error:
        if error.code not in ("account_missing", "account_renamed", "account_foreign", "account_invalid"):
            raise
        return None


def _why_kept(work: Work, account: Account) -> str:
    """Return why the account stays, "" when the job made it and it holds nothing else."""
    made, panel = work.facts.made, work.tools.panel
    if made.account != MADE:
        return f"whether this job made the account {account.user} is not known"
    born, now = made.born, contents(panel, account, work.job.id)
    if born is None or now is None:
        return f"whether anything else is in the account {account.user} is not known"
    came = sorted(path for path, text in now.items() if born.get(path) != text)
    if account.domain not in ("", work.job.domain):
        came.append(account.domain)
    database = made.database or ""
    if database and _holds_tables(panel, account, database):
        came.append(f"tables in {database}")
    if not came:
        return ""
    return f"the account {account.user} holds something else by now: {', '.join(came[:SHOWN])}"


def _remove_from(work: Work, account: Account, made: Made) -> tuple[Made, str]:
    """Remove the job's database and user from an account that stays; return (what is left, what stays and why).

    Tables may be a living shop's, whose login the user is.
    """
    panel, user, database = work.tools.panel, made.database_user, made.database
    anothers = places.kept_for(work.tools.engine, work.job) if user or database else ""
    if anothers:
        return made, anothers
    used = panel.database_names(account)[0] if database is None else database
    if user and _holds_tables(panel, account, used):
        return made, f"the database {used} is not (or not known to be) empty, and stays with its user {user}"
    if user:
        panel.remove_database_user(account, user)
        made = replace(made, database_user=None)
    if database and _holds_tables(panel, account, database):
        return made, f"the database {database} is not (or not known to be) empty"
    if database:
        panel.remove_database(account, database)
        made = replace(made, database=None)
    return made, ""


def _holds_tables(panel: Panel, account: Account, database: str) -> bool:
    return panel.has_database(account, database) and panel.holds_tables(account, database)
