"""Step notify: the client is told where the shop is and how to sign in; then the secrets are forgotten."""

from __future__ import annotations

from controller.billing.base import Handover
from controller.jobs.steps.work import Outcome, Work
from shared.errors import ShoplaunchError


def run(work: Work) -> Outcome:
    """Raises mail_failed."""
    job = work.job
    if "admin.password" not in work.private:
        # Told before: the password was only known until then
        raise ShoplaunchError("illegal_transition", "the client was told already; the password is forgotten")
    work.tools.billing.hand_over(
        Handover(
            job=job.id,
            domain=job.domain,
            email=job.email,
            first_name=str(job.order.get("first_name") or ""),
            language=job.language,
            shop_url=str(job.facts["shop_url"]),
            admin_url=str(job.facts["admin_url"]),
            login=job.email,
            password=work.private["admin.password"],
        )
    )
    return Outcome(columns={"secrets_encrypted": None}, note=job.email)
