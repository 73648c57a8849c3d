"""Step tls: a certificate is asked for, once; the shop lives on http until one is really served."""

from __future__ import annotations

from controller.jobs import tls
from controller.jobs.steps.work import Outcome, Work
from shared.errors import ShoplaunchError


def run(work: Work) -> Outcome:
    """Nothing about TLS keeps a shop from living: a panel that cannot be asked now is asked again later."""
    panel, now = work.tools.panel, work.tools.clock()
    try:
        asked = panel.request_tls(work.account)
    except ShoplaunchError as error:
        note = f"not asked for yet: {error.code}"
        return Outcome(facts=tls.begun(tls.WAITING, now), note=note)
    if not asked:
        note = f"sites of a {panel.kind} server are served over http"
        return Outcome(facts={tls.FACT: tls.NONE}, skipped=True, note=note)
    return Outcome(facts=tls.begun(tls.ASKED, now), note="asked for; the shop is on http until it is served")
