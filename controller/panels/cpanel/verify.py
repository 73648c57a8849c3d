"""The last check before the agent starts: everything the steps created, queried in one parallel round."""

from __future__ import annotations

from controller.account import Account
from controller.panels.base import Prepared
from controller.panels.cpanel.account import agent_files
from controller.panels.cpanel.account_cache import side_by_side
from controller.panels.cpanel.server import CpanelServer
from shared.errors import ShoplaunchError
from shared.job import AGENT_FILE, FOLDER, JOB_FILE, LAUNCHER_FILE


def verify(panel: CpanelServer, account: Account, wanted: Prepared) -> None:
    """Raise panel_unverified naming what the panel reported as done and does not show.

    Completes what an earlier process of the controller began and did not finish.
    """
    databases, crontab, files = panel.databases(account), panel.crontab(account), panel.files(account)
    cache = panel.cache(account.user)
    cache.forget("databases", "users", "crontab", "folder", "stamp")
    if not files.has_put:
        agent_files.complete(files, wanted.agent)
    found = side_by_side(
        (
            lambda: "" if wanted.database in databases.databases() else f"the database {wanted.database}",
            lambda: "" if wanted.user in databases.users() else f"the database user {wanted.user}",
            lambda: "" if databases.may_do_all(wanted.database, wanted.user) else f"the privileges of {wanted.user}",
            lambda: "" if crontab.holds(wanted.cron_line) else "the cron line",
            lambda: _files(set(files.entries(FOLDER) or ())),
            files.settle,
        )
    )
    missing = [one for one in found if one]
    if missing:
        words = f"the panel said it was done and does not show {', '.join(missing)}"
        raise ShoplaunchError("panel_unverified", words)


def _files(names: set[str]) -> str:
    """Return which files are missing. An agent that was faster than this check may have tidied up already."""
    if not names:
        return ""
    missing = [name for name in (LAUNCHER_FILE, AGENT_FILE, JOB_FILE) if name not in names]
    return f"{FOLDER}/{', '.join(missing)}" if missing else ""
