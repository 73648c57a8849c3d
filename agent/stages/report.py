"""Stage report: sends the final event with all evidence, and waits for its acknowledgement, also through the panel."""

from agent import VERSION
from agent.base.compat import python_version
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from agent.session.context import Context

NAME = "report"
WAIT_SECONDS = 30.0


def run(ctx: "Context") -> None:
    """Report that the shop is restored; done when the controller has acknowledged every waiting event.

    Raises ShoplaunchError `callback_failed` while the controller cannot be reached: the next tick tries again.
    """
    final = ctx.state.data.get("final")
    if final is None or (final.get("job"), final.get("attempt")) != (ctx.job_id, ctx.attempt):
        final = ctx.events.event("finished", stage=NAME, evidence=evidence(ctx))
        # Noted after the event: reporting twice does no harm, never reporting does. The controller may read it there
        if ctx.events.is_kept(final):
            ctx.state.update(final=final)
    if not ctx.delivery.wait_delivered(WAIT_SECONDS, final["seq"]):
        ctx.check_current()
        raise ShoplaunchError("callback_failed", "the final report is not acknowledged yet")


def evidence(ctx: "Context") -> "dict[str, object]":
    """Return the evidence of the restore for the birth certificate (dict)."""
    stages = ctx.state.data.get("stages", {})
    counters = ctx.state.data.get("counters", {})
    found = ctx.state.evidence()
    found.update(
        stages={name: entry["seconds"] for name, entry in stages.items() if entry["state"] == "done"},
        bytes_read=counters.get("bytes_read", 0),
        bytes_written=counters.get("bytes_written", 0),
        sql_bytes=counters.get("sql_bytes", 0),
        peak_rss_bytes=max(counters.get("peak_rss_bytes", 0), counters.get("peak_rss_helper_bytes", 0)),
        counters=counters,
        agent=VERSION,
        python=python_version(),
    )
    return found
