"""Step notify: the client is notified where the shop is and how to sign in; then the secrets are forgotten."""

from __future__ import annotations

from controller.billing.base import About, Handover, Unsettled
from controller.jobs.lifecycle.step_context import Outcome, StepWaits, Work
from controller.jobs.shop import credentials, notifications, tls
from shared.errors import ShoplaunchError


def run(work: Work) -> Outcome:
    """Notify the client. Raises mail_failed, whmcs_*."""
    about = notifications.about(work.tools, work.job)
    mode = _mode(work, about)
    if mode == "mail":
        if credentials.PASSWORD not in work.private:
            # Notified before: the password was known only until then
            raise ShoplaunchError("illegal_transition", "the client was notified already; the password is erased")
        _notify(work, about, password=work.private[credentials.PASSWORD])
        return Outcome(columns={"secrets_encrypted": None}, note=work.job.email)
    tools, job = work.tools, work.job
    nonce = credentials.offer(tools.engine, tools.keys, job.id, mode, tools.clock(), tools.lease)
    link = ""
    if nonce is not None:
        link = f"{tools.config.public_url.rstrip('/')}/credentials/{tools.tokens.for_credentials(job.id, nonce)}"
    _notify(work, about, way=mode if link else "used", password_link=link)
    return Outcome(note=f"{job.email}, {'with' if link else 'who had'} a link to the password")


def _mode(work: Work, about: About) -> str:
    """Return how the client gets the password: as offered before, else as billing wants and the shop supports."""
    offered = credentials.link(work.job)
    if offered is not None:
        return offered.mode
    wanted = work.tools.billing.credentials_for(about)
    return "link" if wanted == "set" and not credentials.may_be_chosen(work.job) else wanted


def _notify(work: Work, about: About, **how: str) -> None:
    news = _news(work, about, **how)
    work.tools.require_lease()
    try:
        work.tools.billing.hand_over(news)
    except Unsettled as wait:
        raise StepWaits(wait.seconds, wait.message) from None


def _news(work: Work, about: About, *, way: str = "mail", password: str = "", password_link: str = "") -> Handover:
    job = work.job
    return Handover(
        job=job.id,
        domain=about.domain,
        email=job.email,
        first_name=str(job.order.get("first_name") or ""),
        language=job.language,
        shop_url=str(work.facts.shop_url),
        admin_url=str(work.facts.admin_url),
        login=job.email,
        password=password,
        password_link=password_link,
        link_days=credentials.DAYS,
        way=way,
        name_servers=_name_servers(work),
        ready_at=work.facts.finished_at or work.tools.clock(),
        about=about,
        noun=job.noun,
    )


def _name_servers(work: Work) -> tuple[str, ...]:
    """Return the name servers that the client's domain should use; none when public DNS already leads to the shop."""
    panel, account = work.tools.panel, work.account
    found = panel.name_servers(account)
    return tuple(found) if found and not tls.leads_to(panel.site_address(account), work.job.domain) else ()
