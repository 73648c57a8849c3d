"""Step tls: a certificate is requested; the shop lives on http until one is really served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from controller.db.facts import Facts, Tls
from controller.jobs.lifecycle.step_context import Outcome, Work
from controller.jobs.shop import tls
from shared.errors import ShoplaunchError

#: No shop waits longer for name servers before its client is notified: the looks that follow ask them again.
NAME_SECONDS = 2.0


def run(work: Work) -> Outcome:
    """Request a certificate. No TLS failure keeps a shop from going live: a failing panel is asked again later."""
    panel, now = work.tools.panel, work.tools.clock()
    begun = tls.begun(work.facts.tls, tls.WAITING, now)
    try:
        asked = tls.asked(panel, work.account, replace(begun, asks=0), now)
        if asked is None:
            note = f"sites of a {panel.kind} server are served over http"
            return Outcome(_learned(replace(work.facts.tls, state=tls.NONE)), skipped=True, note=note)
        leads_here = tls.leads_to(panel.site_address(work.account), work.job.domain, NAME_SECONDS)
        if leads_here is None:
            # Maybe the authority could not find the server either: ask again when the domain is seen to lead there
            asked = replace(asked, asked_at=None, asks=0)
        elif not leads_here:
            asked = tls.elsewhere(asked, now)
    except ShoplaunchError as error:
        return Outcome(_learned(begun), note=f"not asked for yet: {error.code}")
    refused = asked.refused
    note = f"{refused}; watched for one that its owner brings" if refused else "asked for; on http until it is served"
    return Outcome(_learned(replace(asked, reason=refused)), note=note)


def _learned(found: Tls) -> Callable[[Facts], Facts]:
    return lambda known: replace(known, tls=found)
