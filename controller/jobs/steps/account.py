"""Step account: the hosting account exists and the domain is served from its document root."""

from __future__ import annotations

from dataclasses import replace

from controller.db.facts import Facts
from controller.jobs.lifecycle import late_removals
from controller.jobs.lifecycle.step_context import Outcome, Work
from controller.jobs.steps import rollback
from controller.jobs.steps.follow_ups.registry import change_of
from shared.errors import ShoplaunchError


def find(work: Work) -> Outcome:
    """Find the account of a live shop, and determine its https address.

    Raises account_*, panel_*, tls_missing.
    """
    job, panel = work.job, work.tools.panel
    panel.prepare_together(job.account, job.domain)
    account = panel.ensure_account(job.account, job.domain, create=False, email=job.email)
    folder = work.follow_up["admin_folder"]
    site = panel.site_address(account)
    if not work.is_back:
        change_of(job.kind).require(work, site)
    address = site.shop_at(job.domain, job.folder, https=True)
    every = panel.cron_interval_seconds(account)
    shop, office = address.url, address.url_below(folder)

    def learned(known: Facts) -> Facts:
        return replace(known, account=account, cron_seconds=every, https_shop_url=shop, https_admin_url=office)

    return Outcome(learned, note=account.home)


def run(work: Work) -> Outcome:
    """Ensure the account. Raises account_*, name_taken, language_missing, bundle_*, panel_*; StepWaits while a removal
    of the job may still be carried out there."""
    job, panel = work.job, work.tools.panel
    late_removals.require_over(work)
    _require_language(work)
    create = bool(job.order.get("create_account"))
    panel.prepare_together(job.account, job.domain)
    made = work.facts.made
    if create and panel.find_account(job.account) is None:
        # Noted before: after an interruption this could not be determined any more
        made = replace(made, account=rollback.MAYBE, born=None)
        work.remember(lambda known: replace(known, made=made))
    account = panel.ensure_account(job.account, job.domain, create=create, email=job.email)
    address = panel.site_address(account).shop_at(job.domain, job.folder)
    every = panel.cron_interval_seconds(account)
    shop, office = address.url, address.url_below(work.private["admin_folder"])
    if made.account == rollback.MAYBE:
        made = replace(made, account=rollback.MADE, born=rollback.contents(panel, account, job.id))
    # Before the bundle is opened to it, and here at no cost: the step drop would write it by itself
    reader = panel.reader(account)

    def learned(known: Facts) -> Facts:
        found = replace(known, account=account, cron_seconds=every, shop_url=shop, admin_url=office, made=made)
        return replace(found, bundle_reader=reader)

    return Outcome(learned, note=account.home)


def _require_language(work: Work) -> None:
    """Raise language_missing, before anything is made, when the application has no texts in the order's language."""
    known = work.manifest().get("report", {}).get("languages")
    if isinstance(known, list) and known and work.job.language not in known:
        message = f"bundle {work.job.bundle} has no language {work.job.language!r}; it has: {', '.join(known)}"
        raise ShoplaunchError("language_missing", message)
