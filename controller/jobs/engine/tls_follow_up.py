"""The follow-up of a shop that lives on http: whether its domain leads here and a certificate is served; then https.

A new client's domain points elsewhere for days. Nothing here can harm the shop: it only looks, and begins the later
job `https_on` once a visitor would really meet a valid certificate.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from controller.db.jobs import Job
from controller.jobs.engine import follow_up
from controller.jobs.lifecycle import changes, states
from controller.jobs.lifecycle.step_context import Tools, Work
from controller.jobs.shop import tls
from controller.jobs.shop.tls import (
    ASK_PAUSES,
    ASKED,
    FACT,
    ON,
    PAUSES,
    PAUSES_ELSEWHERE,
    REASON_CHARS,
    SERVED,
    WAITING,
)
from controller.panels.base import SiteAddress
from shared.errors import ShoplaunchError
from shared.job import RESTORE

LOG = logging.getLogger(__name__)
#: Domains that still lead elsewhere then are not looked at any more.
GIVE_UP_SECONDS = 60 * 86400.0


def next_look(job: Job) -> float | None:
    """Return when to look again (unix seconds), None when there is nothing to look for."""
    if job.kind != RESTORE or job.state != states.LIVE or job.ended_at is not None or job.facts.get("removed"):
        return None
    found = job.facts.get("tls_next")
    return None if found is None else float(found)


def look(tools: Tools, job: Job) -> None:
    """Look once, and note what was found and when to look again. Raises job_unknown, database_busy."""
    now = tools.clock()
    try:
        found = _look(tools, job, now)
    except ShoplaunchError as error:
        LOG.warning("job %s: its certificate: %s: %s", job.id, error.code, error.message)
        found = _again(job, str(job.facts.get(FACT)), error.code, now)

    def work(_connection: sa.Connection, now_job: Job) -> Mapping[str, Any]:
        # A job https_on that is done already knows better
        return {} if now_job.facts.get(FACT) == ON else changes.with_facts(now_job, **found)

    changes.change(tools.engine, job.id, now, work, tools.lease)


def _look(tools: Tools, job: Job, now: float) -> dict[str, Any]:
    account = Work(job, {}, tools).account
    address: SiteAddress = tools.panel.site_address(account)
    if not tls.leads_to(address, job.domain):
        # Who was asked could not find the server: as good as not asked
        forgotten = {"tls_asked_at": None, "tls_asks": None}
        waiting = _knowing(job, forgotten)
        reason = "the domain does not lead to the server"
        return forgotten | _again(waiting, WAITING, reason, now, PAUSES_ELSEWHERE)
    asked: dict[str, Any] = {}
    if now >= _ask_at(job, now):
        asked = tls.asked(tools.panel, account, int(job.facts.get("tls_asks") or 0), now) or {}
        # Looked for often again
        job = _knowing(job, {**asked, "tls_looks": 0})
    served = tls.look(address.ip, address.tls_port, job.domain, tls.context(tools.config))
    state = WAITING if job.facts.get("tls_refused") else ASKED
    if not served.valid:
        return asked | _again(job, state, _reason(tools, job, served, bool(asked)), now)
    tools.require_lease()
    try:
        follow_up.start(tools.engine, tools.keys, tools.bundles, job, follow_up.HTTPS_ON, {}, now)
    except ShoplaunchError as error:
        if error.retryable or error.code == "domain_busy":
            return asked | _again(job, state, error.message, now)
        return {FACT: SERVED, "tls_next": None, "tls_reason": f"{error.code}: {error.message}"}
    return {FACT: SERVED, "tls_next": None, "tls_reason": None}


def _knowing(job: Job, facts: Mapping[str, Any]) -> Job:
    return replace(job, facts={**job.facts, **facts})


def _ask_at(job: Job, now: float) -> float:
    """Return when to ask for a certificate: now when it was not done since the domain leads here, else much later."""
    asked_at, asks = job.facts.get("tls_asked_at"), int(job.facts.get("tls_asks") or 1)
    return now if asked_at is None else float(asked_at) + ASK_PAUSES[min(asks, len(ASK_PAUSES)) - 1]


def _reason(tools: Tools, job: Job, served: tls.Served, just_asked: bool) -> str:
    """Return why there is no certificate yet: the panel's word when it has one."""
    refused = job.facts.get("tls_refused")
    if refused or just_asked:
        # What the panel says now is of its last check
        return str(refused or served.reason)
    return "; ".join(tools.panel.tls_problems(Work(job, {}, tools).account)) or served.reason


def _again(job: Job, state: str, reason: str, now: float, pauses: Sequence[float] = PAUSES[1:]) -> dict[str, Any]:
    """Return the facts of a look that found no certificate; `pauses` are those after the first look."""
    looks = int(job.facts.get("tls_looks", 0)) + 1
    when, ask_at = now + pauses[min(looks, len(pauses)) - 1], _ask_at(job, now)
    if ask_at > now:
        when = min(when, ask_at)
    over = now - float(job.facts.get("tls_since", now)) > GIVE_UP_SECONDS
    return {FACT: state, "tls_looks": looks, "tls_next": None if over else when, "tls_reason": reason[:REASON_CHARS]}
