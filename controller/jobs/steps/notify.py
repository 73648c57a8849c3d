"""Step notify: the client is told where the shop is and how to sign in; then the secrets are forgotten."""

from __future__ import annotations

from controller.billing.base import Handover
from controller.jobs import credentials, telling
from controller.jobs.steps.work import Outcome, Work
from shared.errors import ShoplaunchError


def run(work: Work) -> Outcome:
    """Raises mail_failed, whmcs_*."""
    offered = work.job.facts.get(credentials.FACT)
    mode = offered["mode"] if offered else work.tools.billing.credentials_for(telling.about(work.tools, work.job))
    if mode == "mail":
        if credentials.PASSWORD not in work.private:
            # Told before: the password was only known until then
            raise ShoplaunchError("illegal_transition", "the client was told already; the password is forgotten")
        work.tools.billing.hand_over(_news(work, password=work.private[credentials.PASSWORD]))
        return Outcome(columns={"secrets_encrypted": None}, note=work.job.email)
    tools, job = work.tools, work.job
    nonce = credentials.offer(tools.engine, tools.keys, job.id, mode, tools.clock())
    if nonce is None:
        return Outcome(note="the client has used the link")
    link = f"{tools.config.public_url.rstrip('/')}/credentials/{tools.tokens.for_credentials(job.id, nonce)}"
    tools.billing.hand_over(_news(work, way=mode, password_link=link))
    return Outcome(note=f"{job.email}, with a link to the password")


def _news(work: Work, *, way: str = "mail", password: str = "", password_link: str = "") -> Handover:
    job = work.job
    return Handover(
        job=job.id,
        domain=job.domain,
        email=job.email,
        first_name=str(job.order.get("first_name") or ""),
        language=job.language,
        shop_url=str(job.facts["shop_url"]),
        admin_url=str(job.facts["admin_url"]),
        login=job.email,
        password=password,
        password_link=password_link,
        way=way,
        name_servers=_name_servers(work),
        ready_at=float(job.facts.get("finished_at") or work.tools.clock()),
        about=telling.about(work.tools, job),
    )


def _name_servers(work: Work) -> tuple[str, ...]:
    ask = getattr(work.tools.panel, "name_servers", None)
    return tuple(ask(work.account)) if ask is not None else ()
