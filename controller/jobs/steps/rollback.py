"""What a cancelled job had made itself goes again: database, its user, account – never what holds anything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.jobs.agent_link.panel_reading import marker
from controller.jobs.lifecycle.step_context import Work
from controller.panels.base import Account, Panel
from shared.errors import ShoplaunchError

#: Facts of what a job made: `made_account` is MAYBE until the panel said so, the others name what was not there before.
ACCOUNT, DATABASE, DATABASE_USER, BORN = "made_account", "made_database", "made_database_user", "born"
MAYBE, MADE = "maybe", "made"
#: The account's crontab, among the paths of what was in it when it was made.
CRONTAB = "(crontab)"
#: Names of things that came since, shown to people.
SHOWN = 5


def contents(panel: Panel, account: Account, job_id: str) -> dict[str, str] | None:
    """Return what is in the account but for the job's own, path -> a text that changes with the content; None where
    the panel cannot tell. Raises ShoplaunchError of the panel."""
    found = panel.home_entries(account)
    if found is None:
        return None
    own = f"# {marker(job_id)}"
    lines = [line for line in panel.cron_lines(account) if not line.rstrip().endswith(own)]
    return {**found, CRONTAB: "\n".join(lines)}


def run(work: Work) -> dict[str, Any]:
    """Remove what the job made; return {"facts": what is to be forgotten, "kept": what stays and why, or ""}.

    Call it when the agent is gone. Safe to repeat. Raises ShoplaunchError of the panel.
    """
    facts, panel = work.job.facts, work.tools.panel
    nothing_left = dict.fromkeys((ACCOUNT, DATABASE, DATABASE_USER, BORN))
    if not any(facts.get(name) for name in nothing_left):
        return {"facts": {}, "kept": ""}
    account = _find(panel, work.job.account)
    if account is None:
        return {"facts": nothing_left, "kept": ""}
    kept = _why_kept(work, account)
    if not kept:
        panel.remove_account(account)
        return {"facts": nothing_left, "kept": ""}
    forget, full = _remove_from(panel, account, facts)
    reasons = [kept if facts.get(ACCOUNT) else "", full]
    return {"facts": forget, "kept": "; ".join(filter(None, reasons))}


def _find(panel: Panel, user: str) -> Account | None:
    try:
        return panel.find_account(user)
    except ShoplaunchError as error:
        if error.code not in ("account_missing", "account_renamed", "account_foreign", "account_invalid"):
            raise
        return None


def _why_kept(work: Work, account: Account) -> str:
    """Return why the account stays, "" when it is the job's own and holds nothing of anybody else's."""
    facts, panel = work.job.facts, work.tools.panel
    if facts.get(ACCOUNT) != MADE:
        return f"whether this job made the account {account.user} is not known"
    born, now = facts.get(BORN), contents(panel, account, work.job.id)
    if born is None or now is None:
        return f"whether anything else is in the account {account.user} is not known"
    came = sorted(path for path, text in now.items() if born.get(path) != text)
    if account.domain not in ("", work.job.domain):
        came.append(account.domain)
    database = str(facts.get(DATABASE) or "")
    if database and panel.has_database(account, database) and panel.holds_tables(account, database):
        came.append(f"tables in {database}")
    if not came:
        return ""
    return f"the account {account.user} holds something else by now: {', '.join(came[:SHOWN])}"


def _remove_from(panel: Panel, account: Account, facts: Mapping[str, Any]) -> tuple[dict[str, None], str]:
    """Remove the job's database and user from an account that stays; return (facts to forget, what stays and why)."""
    forget = []
    user, database = facts.get(DATABASE_USER), facts.get(DATABASE)
    if user:
        panel.remove_database_user(account, user)
        forget.append(DATABASE_USER)
    if database and panel.has_database(account, database) and panel.holds_tables(account, database):
        return dict.fromkeys(forget), f"the database {database} is not (or not known to be) empty"
    if database:
        panel.remove_database(account, database)
        forget.append(DATABASE)
    return dict.fromkeys(forget), ""
