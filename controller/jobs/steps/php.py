"""Step php: the shop's site is served by a PHP version that can run it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from controller.account import Account
from controller.jobs.lifecycle.step_context import Outcome, Work
from controller.jobs.steps.database_user import require_no_shop
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import Manifest

#: A panel's `ensure_php` or `mend_php`.
Ensure = Callable[[Account, str, str | None, Sequence[str]], str]


def run(work: Work) -> Outcome:
    """Choose the PHP version. Raises panel_*, bundle_*, db_not_empty."""
    # The step database_user, which refuses such an account, runs in parallel with this one
    require_no_shop(work)
    version = chosen(work.tools.panel.ensure_php, work.account, work.manifest())
    return Outcome(note=version)


def chosen(ensure: Ensure, account: Account, manifest: Manifest) -> str:
    """Return the PHP version that `ensure` sets for the account.

    Preferably one that the application was made for, else one that it is known to run on. Raises panel_*.
    """
    needs = manifest["requirements"]["php"]
    preferred = needs.get("preferred")
    if preferred is not None:
        try:
            return ensure(account, needs["min"], preferred, needs["extensions"])
        except ShoplaunchError as problem:
            if problem.code != "panel_refused":
                raise
    return ensure(account, needs["min"], needs.get("max"), needs["extensions"])
