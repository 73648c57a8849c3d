"""Values of the admin pages, made from the service's answers: steps with labels, evidence as rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from flask_babel import lazy_gettext

from controller.access.actor import COMMAND_LINE
from controller.follow_up_kinds import KINDS, Kind
from controller.jobs.lifecycle.states import FINISHING, LIVE, PREPARING, may
from controller.web.support import labels
from controller.web.support.i18n import duration, gettext, language
from shared.errors import advice, is_known
from shared.job import RESTORE

if TYPE_CHECKING:
    from shared.documents import AgentView, Error, ServiceStatus, StageView, Step

#: Actions in the audit log; beginning a follow-up job is one, named as the kind.
ACTIONS: dict[str, Any] = {
    "login": lazy_gettext("Signed in"),
    "retry": lazy_gettext("Retried"),
    "cancel": lazy_gettext("Cancelled"),
    "undo_cancel": lazy_gettext("Took a cancellation back"),
    "order": lazy_gettext("Ordered"),
    "resend": lazy_gettext("Sent a refused order again"),
    "dismiss_refused": lazy_gettext("Dismissed a refused order"),
    "module_created": lazy_gettext("Sold the service"),
    "accepted": lazy_gettext("Accepted the order"),
    "terminated": lazy_gettext("Ended the service"),
    "key add": lazy_gettext("Added a key"),
    "key set": lazy_gettext("Changed a key"),
    "key renew": lazy_gettext("Renewed a key"),
    "key revoke": lazy_gettext("Revoked a key"),
    "user add": lazy_gettext("Added an operator"),
    "user sessions": lazy_gettext("Ended an operator's sessions"),
    "user role": lazy_gettext("Changed a role"),
    "user totp": lazy_gettext("Set up a second factor"),
    "user totp remove": lazy_gettext("Removed a second factor"),
    "user remove": lazy_gettext("Removed an operator"),
    "user password": lazy_gettext("Set an operator's password"),
    "server remove": lazy_gettext("Removed a server"),
    "bundle remove": lazy_gettext("Removed a bundle"),
    "password wrong": lazy_gettext("Gave a wrong password for a change"),
    "code wrong": lazy_gettext("Right password, wrong code: not signed in"),
    "server add": lazy_gettext("Added a server"),
    "server set": lazy_gettext("Changed a server"),
    "bundle add": lazy_gettext("Added a bundle"),
    "key rotate": lazy_gettext("Made newer keys"),
    "backup.restore": lazy_gettext("Restored a backup"),
    "logout": lazy_gettext("Signed out"),
    "key retire": lazy_gettext("Retired old keys"),
    "key adopt": lazy_gettext("Let a key take services over"),
    "password shown": lazy_gettext("Saw the password"),
    "password chosen": lazy_gettext("Chose a password"),
}
#: States in which a failed step may wait for its automatic next try.
_TRIED_BY_ITSELF = (PREPARING, FINISHING, LIVE)


def pages(total: int, per_page: int) -> int:
    """Return how many pages `total` rows fill; at least one."""
    return max(1, -(-total // per_page))


def of_job(job: ServiceStatus, agent: AgentView) -> dict[str, Any]:
    """Return the values of the job page from a job's status and its agent's live view."""
    state = job["state"]
    failed = next((step["name"] for step in job["steps"] if step["state"] == "failed"), None)
    stopped = state in labels.TROUBLED or failed is not None
    waiting = [step for step in job["steps"] if step["state"] == "waiting"]
    waits = state in _TRIED_BY_ITSELF and bool(job["error"]) and bool(waiting)
    return {
        "job": job,
        "steps": _rows(job["steps"], agent["stages"]),
        "moving": labels.is_moving(state, job["steps"]),
        "trouble": job["error"] if stopped else None,
        "passing_trouble": None if stopped else job["error"],
        "stopped_step": failed or job["step"],
        "passing_step": next((step["name"] for step in waiting if step["error"]), None),
        "may_retry": waits
        or ((stopped or agent["in_trouble"]) and any(may(state, event) for event in ("retry", "recheck"))),
        "may_cancel": may(state, "cancel"),
        "may_undo_cancel": may(state, "undo_cancel") and job["kind"] == RESTORE,
        "has_certificate": state == LIVE and job["kind"] == RESTORE,
        "may_begin": state == LIVE and job["kind"] == RESTORE and not job.get("ended_at"),
        "heard_at": agent["heard_at"],
        "waiting_for": _waiting(state, agent["expected_seconds"]),
        "advice": own_advice,
    }


def own_advice(error: Error) -> str:
    """Return the advice for `error` in the reader's language, or as it was sent for an unknown code."""
    return advice(error["code"], language()) if is_known(error["code"]) else error["advice"]


def _waiting(state: str, expected: float | None) -> str:
    if state == "dropped" and expected == 0:
        return gettext("The job lies in the account; the agent was started and reports in a moment.")
    if state == "dropped" and expected is not None:
        within = duration(math.ceil(expected))
        return gettext("The job lies in the account; cron starts the agent within %(within)s.", within=within)
    if state == "cancelled":
        return gettext("The account is put back as it was before the order.")
    return ""


def _rows(steps: Iterable[Step], stages: Sequence[StageView]) -> list[dict[str, Any]]:
    """Return the steps as table rows, the agent's stages below the step `agent`."""
    rows = []
    for step in labels.with_labels(steps):
        rows.append({**step, "stage": False, "seconds": None})
        if step["name"] == "agent":
            rows += [_stage_row(stage) for stage in stages]
    return rows


def _stage_row(stage: StageView) -> dict[str, object]:
    row = {"attempts": None, "started_at": None, "finished_at": None, "seconds": None, "error": None, **stage}
    return {**row, "stage": True, "label": labels.step_label(stage["name"])}


#: Everybody else in the audit log is a name.
_COMMAND_LINE = lazy_gettext("command line")


def of_audit(entries: Iterable[Any]) -> list[dict[str, Any]]:
    """Return the audit entries with the labels of their actions."""
    return [
        {
            "at": entry.at,
            "user": _COMMAND_LINE if entry.user == COMMAND_LINE else entry.user,
            "job": entry.job,
            "label": _action(entry.action),
            "detail": _detail(entry.action, entry.detail),
        }
        for entry in entries
    ]


def _detail(action: str, detail: str) -> str:
    """Return what an action was done to; a role is called as on the operators' page."""
    name, _, role = detail.rpartition(" ")
    is_of_role = action in ("user add", "user role") and role in labels.ROLES
    return f"{name} ({labels.ROLES[role]})" if is_of_role else detail


def _action(action: str) -> object:
    """Return the label of an action; an unknown one keeps its own name."""
    return lazy_gettext(KINDS[action].begun) if action in KINDS else ACTIONS.get(action, action)


def of_kind(kind: Kind) -> dict[str, object]:
    """Return the values of the page that asks before a follow-up job begins, or goes on."""
    return {
        "kind": kind,
        "question": gettext(kind.question),
        "sentences": [gettext(sentence) for sentence in kind.consequences],
        "button": gettext(kind.button or kind.label),
    }
