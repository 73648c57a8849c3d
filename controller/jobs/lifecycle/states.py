"""The life of a job: one table of which happening leads from which state to which."""

from __future__ import annotations

from shared.errors import ShoplaunchError

RECEIVED, PREPARING, DROPPED, RESTORING, FINISHING, LIVE = (
    "received", "preparing", "dropped", "restoring", "finishing", "live",
)  # fmt: skip
FAILED, STALLED, CANCELLED, IGNORED = "failed", "stalled", "cancelled", "ignored"
STATES = (RECEIVED, PREPARING, DROPPED, RESTORING, FINISHING, LIVE, FAILED, STALLED, CANCELLED, IGNORED)

#: What may happen to a job.
EVENTS = (
    "ignore",  # the order is none of ours
    "prepare",  # the worker begins
    "drop",  # job file and cron line lie in the account
    "agent_works",  # the agent reports, or works without being heard
    "agent_finished",  # its final event arrived
    "agent_failed",  # it gave up
    "fail",  # a step of ours gave up
    "stall",  # silence, or the validity is over
    "prove",  # the certificate is issued
    "take_back",  # a later job's change does not stand the look from outside: an agent takes it back
    "retry",  # an operator: steps before the agent, or the agent itself
    "recheck",  # an operator: steps behind the agent
    "cancel",
    "undo_cancel",
)

_WAITING = (DROPPED, RESTORING)
#: A stalled agent that is heard after all goes on: only its silence was the trouble.
_HEARD = (*_WAITING, STALLED)
_RUNNING = (RECEIVED, PREPARING, *_WAITING, FINISHING)

TRANSITIONS: dict[tuple[str, str], str] = {
    (RECEIVED, "ignore"): IGNORED,
    (RECEIVED, "prepare"): PREPARING,
    (PREPARING, "drop"): DROPPED,
    # Cron may fire before our own note of the drop
    (PREPARING, "agent_works"): RESTORING,
    **{(state, "agent_works"): RESTORING for state in _HEARD},
    **{(state, "agent_finished"): FINISHING for state in (PREPARING, *_HEARD)},
    **{(state, "agent_failed"): FAILED for state in (PREPARING, *_HEARD)},
    **{(state, "fail"): FAILED for state in (RECEIVED, PREPARING, FINISHING)},
    **{(state, "stall"): STALLED for state in _WAITING},
    (FINISHING, "prove"): LIVE,
    (FINISHING, "take_back"): PREPARING,
    # Where an agent goes on by itself, only once it has met something (controller.jobs.engine.interventions)
    **{(state, "retry"): PREPARING for state in (FAILED, STALLED, RESTORING)},
    **{(state, "recheck"): FINISHING for state in (FAILED, STALLED)},
    # What follows on the certificate may be repeated without doubting the shop
    (LIVE, "recheck"): LIVE,
    **{(state, "cancel"): CANCELLED for state in (*_RUNNING, FAILED, STALLED)},
    (CANCELLED, "undo_cancel"): PREPARING,
}


def after(state: str, event: str) -> str:
    """Return the state that `event` leads to from `state`. Raises ShoplaunchError `illegal_transition`."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise ShoplaunchError("illegal_transition", f"a job that is {state} cannot {event.replace('_', ' ')}") from None


def may(state: str, event: str) -> bool:
    """Tell whether `event` may happen in `state`."""
    return (state, event) in TRANSITIONS
