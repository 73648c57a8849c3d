"""Stage verify: the job is valid now, its addresses are allowed, its bundle is the pinned one."""

import time

from agent.bundle.reader import open_bundle
from agent.reporting.http import HttpClient, check_address
from agent.session import follow_up_job, resume
from shared.errors import ShoplaunchError
from shared.job import RESTORE
from shared.signing import check_validity

MYPY = False
if MYPY:
    from agent.session.context import Context
    from shared.documents import Job

NAME = "verify"
#: Without word from the controller an agent believes its clock only when it has said "expired" for so long since the
#: same boot: a clock that was ahead for a while must not end the job.
UNHEARD_SECONDS = 3600.0


def run(ctx: "Context") -> None:
    """Check the job and open its bundle (`ctx.bundle`, `ctx.manifest`) unless it is open already (agent.run.helper),
    fetching it first where the job says so.

    A follow-up job has no bundle; its content is checked.

    Raises ShoplaunchError `clock_skew`, `job_expired`, `job_invalid`, `placeholder_unknown`, `bundle_*`,
    `manifest_invalid`, `variant_unknown`; OSError.
    """
    check_clock(ctx)
    if ctx.kind != RESTORE:
        follow_up_job.check(ctx.job, ctx.renderer)
        return
    if "bundle" not in ctx.job:
        raise ShoplaunchError("job_invalid", "a restore needs a bundle")
    client = None
    if "url" in ctx.job["bundle"]:
        check_address(ctx.job["bundle"]["url"])
        client = HttpClient(ctx.job["callback"].get("ca"), ctx.job["callback"])
    if ctx.bundle is None:
        ctx.bundle = open_bundle(
            ctx.job, ctx.folder, client, ctx.check_current, lambda fraction: ctx.progress(NAME, fraction)
        )
    ctx.manifest = ctx.bundle.manifest
    if ctx.variant is not None:
        ctx.log.info("variant %s", ctx.variant["name"])
    missing = sorted(set(ctx.manifest["values"]) - set(ctx.values))
    if missing:
        raise ShoplaunchError("placeholder_unknown", "the job has no value for {}".format(", ".join(missing[:5])))
    resume.forget_rendered(ctx)


def check_clock(ctx: "Context") -> None:
    """Raise ShoplaunchError `clock_skew` outside the job's validity; `job_expired` when it has expired by the
    controller's clock as well, or by this one for long without word from the controller."""
    now = time.time()
    try:
        check_validity(ctx.job, now)
        if ctx.state.data.get("expired") is not None:
            ctx.state.note(expired=None)
    except ShoplaunchError as error:
        if error.details.get("reason") != "expired":
            raise
        controller_time = ctx.delivery.controller_clock()
        if controller_time is not None:
            check_validity_by(ctx.job, controller_time, error)
        elif not _has_lasted(ctx):
            raise
        hours = int((now - ctx.job["expires_at"]) / 3600)
        message = "the job's validity ended {} hours ago by this account's clock".format(hours)
        raise ShoplaunchError("job_expired", message) from None


def _has_lasted(ctx: "Context") -> bool:
    """Return whether this clock has said since UNHEARD_SECONDS, and since this boot, that the job has expired."""
    now, known = time.monotonic(), ctx.state.data.get("expired")
    # After a reboot the counter starts anew
    if known is None or known["boot"] != ctx.state.boot or now < known["since"]:
        ctx.state.note(expired={"boot": ctx.state.boot, "since": now})
        return False
    return bool(now - known["since"] >= UNHEARD_SECONDS)


def check_validity_by(job: "Job", controller_time: float, error: "ShoplaunchError") -> None:
    """Raise `error` (clock_skew) when the job is still valid at `controller_time` (unix seconds): this clock is off."""
    try:
        check_validity(job, controller_time)
    except ShoplaunchError:
        return
    raise error
