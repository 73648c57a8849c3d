"""Step check: nothing of the agent is left, the shop passes its checks, and its certificate is issued."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa

from controller.db import proofs
from controller.jobs.agent_link import acknowledgements, panel_reading, ring
from controller.jobs.lifecycle import expectation, late_removals
from controller.jobs.lifecycle.step_context import Outcome, StepWaits, Work
from controller.jobs.shop import certificate, follow_up_parts, tls, values
from controller.jobs.shop.checks import office_proof, shop_checks, visits
from controller.jobs.steps.php import chosen
from shared.bundle import variant_of
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer

if TYPE_CHECKING:
    from shared.documents import Manifest, Visit

#: Interval of the checks for the agent's own clean-up, and how many cron ticks it gets.
LOOK_SECONDS = 5
#: The interval for an agent that gets acknowledgements only through the panel.
UNHEARD_SECONDS = 20
CLEANUP_TICKS = 2
CLEANUP_SECONDS = 60
Found = TypeVar("Found")


def run(work: Work) -> Outcome:
    """Check the shop. Raises leftovers, check_failed, bundle_*, panel_*; StepWaits while the agent cleans up."""
    manifest, job = work.manifest(), work.job
    proved = work.tools.proof_of(job)
    require_evidence(manifest, proved.evidence, job.order.get("variant"))
    filled = values.of(work)
    (answers, signed_in), removed = during_cleanup(work, lambda: _visited(work, manifest, filled))
    now = work.tools.clock()
    proof = certificate.Proof(proved.evidence, answers, proved.fingerprints)
    signed = certificate.make(job, work.bundle, filled, proof, work.tools.keys.signing, now)

    def keep(connection: sa.Connection) -> None:
        proofs.put_certificate(connection, job.id, signed, now)
        expectation.note(connection, job, now)

    note = "; ".join(filter(None, [f"{len(answers)} visits", signed_in, removed]))
    kept = follow_up_parts.of_manifest(manifest, filled["admin_folder"])
    return Outcome(columns={"later": kept}, note=note, effect=keep)


def during_cleanup(work: Work, query: Callable[[], Found]) -> tuple[Found, str]:
    """Return (the result of `query()`, a note when leftovers had to be removed); the agent cleans up in parallel.

    `query` runs once in parallel; a failure while the agent is still there does not count, and it runs again when the
    agent is gone. Raises what `query` raises, leftovers, panel_*; StepWaits while the agent cleans up.
    """
    removed = ensure_gone(work) if work.facts.looked_early else None
    try:
        found = query()
    except ShoplaunchError:
        if removed is None:
            _require_gone(work)
        raise
    return found, _require_gone(work) if removed is None else removed


def _require_gone(work: Work) -> str:
    try:
        return ensure_gone(work)
    except StepWaits as waits:
        learned = waits.learned or (lambda known: known)
        raise StepWaits(waits.seconds, waits.note, lambda known: replace(learned(known), looked_early=True)) from None


def _visited(work: Work, manifest: Manifest, filled: Mapping[str, str]) -> tuple[list[Visit], str]:
    """Return (the answers to all visits, a note about the sign-in).

    Raises check_failed, panel_*.
    """
    # The host may have changed the PHP version since, or lost the PHP settings that the panel keeps next to the files
    chosen(work.tools.panel.mend_php, work.account, manifest)
    address = work.tools.panel.site_address(work.account)
    site = visits.Site.of(address.ip, address.shop_at(work.job.domain, work.job.folder))
    password, renderer = work.private.get("admin.password", ""), Renderer(manifest["nonce"], filled)
    end = shop_checks.deadline()
    answers = shop_checks.run_checks(site, manifest["checks"], renderer, password=password, end=end)
    signed_in = ""
    if not site.keeps_secrets:
        secure = office_proof.over_tls(site, address, tls.context(work.tools.config))
        inside, signed_in = office_proof.proved(secure, manifest["checks"], renderer, password, end)
        answers += inside
    return answers, signed_in


def require_evidence(manifest: Manifest, evidence: Mapping[str, object], variant: str | None = None) -> None:
    """Raise check_failed, variant_unknown unless the agent verified the copy and found every table's rows."""
    wanted = {table["name"]: table["rows"] for table in manifest["tables"]}
    chosen_variant = variant_of(manifest, variant)
    wanted |= chosen_variant.get("rows", {}) if chosen_variant is not None else {}
    found = evidence.get("tables")
    found = found if isinstance(found, dict) else {}
    problems = [
        f"{table} has {found.get(table, 'unknown')} rows instead of {rows}"
        for table, rows in wanted.items()
        if found.get(table) != rows
    ]
    stages = evidence.get("stages")
    if not isinstance(stages, dict) or "prove" not in stages:
        problems.insert(0, "the agent's final report lacks stage prove")
    if problems:
        raise ShoplaunchError("check_failed", "; ".join(problems[:5]), retryable=False)


def ensure_gone(work: Work) -> str:
    """Ensure that the agent's folder, cron line and starters are gone; return a note when folder or line had to be
    removed, or of what stays."""
    return "; ".join(filter(None, [_agent_gone(work), ring.end(work)]))


def _agent_gone(work: Work) -> str:
    panel, account, job = work.tools.panel, work.account, work.job
    late_removals.look_again(work)
    traces = panel_reading.traces(panel, account, job.id)
    if not any(traces):
        return ""
    unheard = work.facts.ack_seq
    if unheard is not None and traces.folder:
        acknowledgements.accept(work, unheard)
    patience = CLEANUP_TICKS * (work.facts.cron_seconds or 60) + CLEANUP_SECONDS
    waited = work.tools.clock() - (work.facts.finished_at or 0.0)
    if waited < patience:
        raise StepWaits(LOOK_SECONDS if unheard is None else UNHEARD_SECONDS, "the agent cleans up")
    with late_removals.awaited(work):
        panel.remove_cron(account, panel_reading.marker(job.id))
    panel.remove_agent(account)
    traces = panel_reading.traces(panel, account, job.id)
    if any(traces):
        raise ShoplaunchError("leftovers", "the agent's cron line or folder cannot be removed")
    return "the agent's leftovers were removed"
