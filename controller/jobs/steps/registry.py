"""Name of a step's work in the plan -> the function that does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from controller.jobs.lifecycle.step_context import Outcome, Work
from controller.jobs.steps import (
    account,
    check,
    confirm,
    cron,
    database,
    database_user,
    drop,
    notify,
    php,
    privileges,
    tidy,
    tls,
    unblock,
)

WORK: Mapping[str, Callable[[Work], Outcome]] = {
    "account": account.run,
    "find_account": account.find,
    "database": database.run,
    "database_user": database_user.run,
    "privileges": privileges.run,
    "php": php.run,
    "drop": drop.run,
    "cron": cron.run,
    "check": check.run,
    "tls": tls.run,
    "notify": notify.run,
    "unblock": unblock.run,
    "confirm": confirm.run,
    "tidy": tidy.run,
}
