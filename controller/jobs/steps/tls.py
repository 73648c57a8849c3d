"""Step tls: a certificate is asked for; the shop lives on http until one is really served."""

from __future__ import annotations

from controller.jobs.lifecycle.step_context import Outcome, Work
from controller.jobs.shop import tls
from shared.errors import ShoplaunchError


def run(work: Work) -> Outcome:
    """Nothing about TLS keeps a shop from living: a panel that cannot be asked now is asked again later."""
    panel, now = work.tools.panel, work.tools.clock()
    begun = tls.begun(tls.WAITING, now)
    try:
        asked = tls.asked(panel, work.account, 0, now)
        if asked is None:
            note = f"sites of a {panel.kind} server are served over http"
            return Outcome(facts={tls.FACT: tls.NONE}, skipped=True, note=note)
        if not tls.leads_to(panel.site_address(work.account), work.job.domain):
            # Who was asked could not find the server: once more when the domain leads there
            asked |= {"tls_asked_at": None, "tls_asks": None}
    except ShoplaunchError as error:
        return Outcome(facts=begun, note=f"not asked for yet: {error.code}")
    refused = asked["tls_refused"]
    note = f"{refused}; watched for one that its owner brings" if refused else "asked for; on http until it is served"
    return Outcome(facts={**begun, **asked, "tls_reason": refused}, note=note)
