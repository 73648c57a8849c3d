"""Follows up shops that live on http: checks whether the domain leads here and a certificate is served; then https.

A new client's domain points elsewhere for days. Nothing here can harm the shop: it only checks, and starts the
follow-up job `https_on` once a visitor would really meet a valid certificate.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from controller.db import facts
from controller.db.facts import Facts, Tls
from controller.db.jobs import Job
from controller.follow_up_kinds import HTTPS_ON
from controller.jobs.engine.operations import follow_up
from controller.jobs.lifecycle import states
from controller.jobs.lifecycle.step_context import Tools, Work
from controller.jobs.shop import tls
from controller.jobs.shop.tls import (
    ASK_PAUSES,
    ASKED,
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
#: Domains that still lead elsewhere after this time are not checked any more.
GIVE_UP_SECONDS = 60 * 86400.0


def next_check_at(job: Job) -> float | None:
    """Return when to check again (unix seconds), None when there is nothing to check."""
    if job.kind != RESTORE or job.state != states.LIVE or job.ended_at is not None or facts.of(job).removed:
        return None
    return facts.of(job).tls.next


def check(tools: Tools, job: Job) -> Job:
    """Check once; note the result and when to check again; return the job after that. Raises job_unknown,
    database_busy."""
    now = tools.clock()
    try:
        found = _check(tools, job, now)
    except ShoplaunchError as error:
        LOG.warning("job %s: its certificate: %s: %s", job.id, error.code, error.message)
        found = _again(facts.of(job).tls, str(facts.of(job).tls.state), error.code, now)

    def noted(known: Facts) -> Facts:
        # A finished job https_on has set newer facts
        return known if known.tls.state == ON else replace(known, tls=found)

    return Work(job, {}, tools).remember(noted)


def _check(tools: Tools, job: Job, now: float) -> Tls:
    before = known = facts.of(job).tls
    account = Work(job, {}, tools).account
    address: SiteAddress = tools.panel.site_address(account)
    if not tls.leads_to(address, job.domain):
        # The authority could not find the server: this request does not count
        forgotten, reason = replace(known, asked_at=None, asks=0), "the domain does not lead to the server"
        return _again(forgotten, WAITING, reason, now, PAUSES_ELSEWHERE)
    asked = None
    if now >= _ask_at(known, now):
        asked = tls.asked(tools.panel, account, known, now)
        # Check often again
        known = replace(asked or known, looks=0)
    served = tls.probe(address.ip, address.tls_port, job.domain, tls.context(tools.config))
    state = WAITING if known.refused else ASKED
    if not served.valid:
        return _again(known, state, _reason(tools, job, known, served, asked is not None), now)
    tools.require_lease()
    try:
        follow_up.start(tools.engine, tools.keys, tools.bundles, job, follow_up.Wanted(HTTPS_ON), now)
    except ShoplaunchError as error:
        if error.retryable or error.code == "domain_busy":
            return _again(known, state, error.message, now)
        return replace(before, state=SERVED, next=None, reason=f"{error.code}: {error.message}")
    return replace(before, state=SERVED, next=None, reason=None)


def _ask_at(known: Tls, now: float) -> float:
    """Return when to request a certificate: now if none was requested since the domain leads here, else much later."""
    asks = known.asks or 1
    return now if known.asked_at is None else known.asked_at + ASK_PAUSES[min(asks, len(ASK_PAUSES)) - 1]


def _reason(tools: Tools, job: Job, known: Tls, served: tls.Served, just_asked: bool) -> str:
    """Return why there is no certificate yet: the panel's reason when it gives one."""
    if known.refused or just_asked:
        # The panel still reports the problems of its previous check
        return known.refused or served.reason
    return "; ".join(tools.panel.tls_problems(Work(job, {}, tools).account)) or served.reason


def _again(known: Tls, state: str, reason: str, now: float, pauses: Sequence[float] = PAUSES[1:]) -> Tls:
    """Return the facts after a check that found no certificate; `pauses` are those after the first check."""
    looks = known.looks + 1
    when, ask_at = now + pauses[min(looks, len(pauses)) - 1], _ask_at(known, now)
    if ask_at > now:
        when = min(when, ask_at)
    over = known.since is not None and now - known.since > GIVE_UP_SECONDS
    return replace(known, state=state, looks=looks, next=None if over else when, reason=reason[:REASON_CHARS])
