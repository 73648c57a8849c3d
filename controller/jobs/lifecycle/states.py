"""The states of a job: one table of transitions."""

from __future__ import annotations

from shared.errors import ShoplaunchError

RECEIVED, PREPARING, DROPPED, RESTORING, FINISHING, LIVE = (
    "received", "preparing", "dropped", "restoring", "finishing", "live",
)  # fmt: skip
FAILED, STALLED, CANCELLED, IGNORED = "failed", "stalled", "cancelled", "ignored"
STATES = (RECEIVED, PREPARING, DROPPED, RESTORING, FINISHING, LIVE, FAILED, STALLED, CANCELLED, IGNORED)

#: Events that move a job from state to state.
EVENTS = (
    "ignore",  # the order is not meant for this controller
    "prepare",  # the worker begins
    "drop",  # job file and cron line lie in the account
    "agent_works",  # the agent reports, or works without being heard
    "agent_finished",  # its final event `finished` arrived
    "agent_failed",  # it gave up
    "fail",  # a step of the controller gave up
    "stall",  # the agent is silent, or the validity is over
    "prove",  # the certificate is issued
    "take_back",  # a follow-up job's change fails its check from outside: an agent rolls it back
    "retry",  # an operator: steps before the agent, or the agent itself
    "recheck",  # an operator: steps after the agent
    "cancel",
    "undo_cancel",
)

_WAITING = (DROPPED, RESTORING)
#: A stalled agent that reports after all goes on: its silence was the only problem.
_HEARD = (*_WAITING, STALLED)
_RUNNING = (RECEIVED, PREPARING, *_WAITING, FINISHING)

TRANSITIONS: dict[tuple[str, str], str] = {
    (RECEIVED, "ignore"): IGNORED,
    (RECEIVED, "prepare"): PREPARING,
    (PREPARING, "drop"): DROPPED,
    # Cron may fire before the drop is noted
    (PREPARING, "agent_works"): RESTORING,
    **{(state, "agent_works"): RESTORING for state in _HEARD},
    **{(state, "agent_finished"): FINISHING for state in (PREPARING, *_HEARD)},
    **{(state, "agent_failed"): FAILED for state in (PREPARING, *_HEARD)},
    **{(state, "fail"): FAILED for state in (RECEIVED, PREPARING, FINISHING)},
    **{(state, "stall"): STALLED for state in _WAITING},
    (FINISHING, "prove"): LIVE,
    (FINISHING, "take_back"): PREPARING,
    # Where an agent retries by itself, only once it has reported an error (engine.operations.interventions)
    **{(state, "retry"): PREPARING for state in (FAILED, STALLED, RESTORING)},
    **{(state, "recheck"): FINISHING for state in (FAILED, STALLED)},
    # Steps that follow the certificate may be repeated without doubting the shop
    (LIVE, "recheck"): LIVE,
    **{(state, "cancel"): CANCELLED for state in (*_RUNNING, FAILED, STALLED)},
    (CANCELLED, "undo_cancel"): PREPARING,
}


def after(state: str, event: str) -> str:
    """Return the state to which `event` leads from `state`. Raises ShoplaunchError `illegal_transition`."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise ShoplaunchError("illegal_transition", f"a job that is {state} cannot {event.replace('_', ' ')}") from None


def may(state: str, event: str) -> bool:
    """Return whether `event` may happen in `state`."""
    return (state, event) in TRANSITIONS
