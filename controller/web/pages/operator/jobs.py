"""Job pages: the list, one job live, retry of a single step, cancel and its undoing, the certificate."""

from __future__ import annotations

from flask import Blueprint, flash, g, make_response, redirect, request, url_for
from werkzeug.wrappers import Response

from controller.db.identities.access import Note
from controller.db.identities.operators import allows
from controller.db.jobs import Job
from controller.follow_up_kinds import KINDS
from controller.jobs.engine.operations import follow_up
from controller.jobs.lifecycle.states import may
from controller.jobs.shop import notifications
from controller.timestamps import iso
from controller.web.pages.operator import evidence, roles, view
from controller.web.pages.operator.session import page
from controller.web.support import context, labels
from controller.web.support.i18n import gettext, number
from controller.web.support.parsing import page_number
from shared.errors import ShoplaunchError
from shared.job import RESTORE

PER_PAGE = 25


def register(bp: Blueprint) -> None:
    """Add the pages about jobs to `bp`."""
    # Without its slash it would be sent on to the host that the sender names
    bp.add_url_rule("/", "home", lambda: redirect(url_for("admin.jobs")), strict_slashes=False)
    bp.add_url_rule("/jobs", "jobs", list_jobs)
    bp.add_url_rule("/jobs/<job_id>", "job", show)
    bp.add_url_rule("/jobs/<job_id>/certificate", "certificate", certificate)
    bp.add_url_rule("/jobs/<job_id>/again", "confirm_retry", confirm_retry)
    bp.add_url_rule("/jobs/<job_id>/retry", "retry", retry, methods=["POST"])
    bp.add_url_rule("/jobs/<job_id>/cancel", "confirm_cancel", confirm_cancel)
    bp.add_url_rule("/jobs/<job_id>/cancel", "cancel", cancel, methods=["POST"])
    bp.add_url_rule("/jobs/<job_id>/later/<kind>", "confirm_follow_up", confirm_follow_up)
    bp.add_url_rule("/jobs/<job_id>/later", "begin_follow_up", begin_follow_up, methods=["POST"])
    bp.add_url_rule("/jobs/<job_id>/undo-cancel", "confirm_undo_cancel", confirm_undo_cancel)
    bp.add_url_rule("/jobs/<job_id>/undo-cancel", "undo_cancel", undo_cancel, methods=["POST"])


def list_jobs() -> str:
    """Show the jobs, newest change first, those in `?state=` only when it is a state."""
    state = request.args.get("state") if request.args.get("state") in labels.STATES else None
    counts = context.jobs().counts()
    pages = view.pages(counts.get(state, 0) if state else sum(counts.values()), PER_PAGE)
    number = min(page_number(), pages)
    jobs = context.jobs().listed(state=state, limit=PER_PAGE, offset=(number - 1) * PER_PAGE)
    return page("jobs.html", "jobs", jobs=jobs, counts=counts, state=state, page=number, pages=pages)


def show(job_id: str) -> str:
    """Show one job stage by stage; the page refreshes itself while the job may change."""
    job = context.jobs().get(job_id)
    follow_ups = context.jobs().statuses(context.jobs().follow_ups(job_id))
    shown = view.of_job(context.jobs().status(job), context.jobs().agent_view(job))
    shown["may_retry"] = shown["may_retry"] and allows(g.role, roles.of_kind(job.kind))
    shown["follow_up_kinds"] = [kind for kind in KINDS.values() if allows(g.role, roles.of_kind(kind.name))]
    shown["left"] = context.jobs().seconds_left(job)
    return page(
        "job.html",
        "jobs",
        follow_ups=follow_ups,
        ticket=notifications.ticket(job),
        announcement_problem=notifications.given_up_code(job),
        removed_at=iso(job.pruned_at),
        erased_at=iso(job.forgotten_at),
        **shown,
    )


def confirm_retry(job_id: str) -> str:
    """Say what a follow-up job does to the live shop, and ask whether to continue it.

    Raises ShoplaunchError `role_missing`, `illegal_transition` where there is nothing to continue or to ask about.
    """
    job = context.jobs().get(job_id)
    _require_role(job)
    status = context.jobs().status(job)
    shown = view.of_job(status, context.jobs().agent_view(job))
    if job.kind == RESTORE or not shown["may_retry"]:
        raise ShoplaunchError("illegal_transition", f"the job is {job.state}; there is nothing to go on with")
    return page("retry.html", "jobs", job=status, step=request.args.get("step", ""), **view.of_kind(KINDS[job.kind]))


def _require_role(job: Job) -> None:
    """Raise ShoplaunchError `role_missing` unless the signed-in operator may start a job of its kind."""
    needed = roles.of_kind(job.kind)
    if not allows(g.role, needed):
        raise ShoplaunchError("role_missing", f"{g.operator} may {g.role}, and retrying this needs: {needed}")


def retry(job_id: str) -> Response:
    """Run the failed step again, alone when it is named. Raises ShoplaunchError `role_missing`."""
    _require_role(context.jobs().get(job_id))
    step = request.form.get("step") or None
    context.jobs().retry(job_id, step, Note(g.operator, "retry", step or ""))
    flash(gettext("The step runs again."))
    return redirect(url_for("admin.job", job_id=job_id), 303)


def confirm_cancel(job_id: str) -> str:
    """Ask for confirmation before the job is cancelled."""
    return page("cancel.html", "jobs", job=context.jobs().status(context.jobs().get(job_id)))


def cancel(job_id: str) -> Response:
    """Cancel the job; its account is restored to its earlier state."""
    context.jobs().cancel(job_id, Note(g.operator, "cancel"))
    flash(gettext("The job is cancelled; the account is being put back as it was."))
    return redirect(url_for("admin.job", job_id=job_id), 303)


def confirm_follow_up(job_id: str, kind: str) -> str:
    """Say what a follow-up job would do to the live shop, and ask for confirmation."""
    return _follow_up_page(job_id, kind)


def _follow_up_page(job_id: str, kind: str, problem: str = "") -> str:
    job = context.jobs().get(job_id)
    context.jobs().require_follow_up(job, kind)
    asked = {**view.of_kind(KINDS[kind]), "problem": problem, "least": follow_up.SHORTEST_PASSWORD}
    return page("follow_up.html", "jobs", job=context.jobs().status(job), **asked)


def begin_follow_up(job_id: str) -> Response:
    """Start a follow-up job on the shop: https, a new password, closing it."""
    kind, password = request.form.get("kind", ""), request.form.get("password", "")
    known = {one.id for one in context.jobs().follow_ups(job_id)}
    try:
        given = {"admin.password": password} if password else {}
        job = context.jobs().start_follow_up(job_id, kind, given, Note(g.operator, kind))
    except ShoplaunchError as error:
        # The only code that the operator's input can cause
        if error.code != "order_invalid":
            raise
        problem = gettext("At least %(least)s characters.", least=number(follow_up.SHORTEST_PASSWORD))
        return make_response(_follow_up_page(job_id, kind, problem), 422)
    if job.id in known:
        flash(gettext("This is under way already."))
    else:
        flash(gettext("The job has begun."))
    return redirect(url_for("admin.job", job_id=job.id), 303)


def confirm_undo_cancel(job_id: str) -> str:
    """Ask for confirmation before the shop is prepared again."""
    job = context.jobs().get(job_id)
    if not may(job.state, "undo_cancel") or job.kind != RESTORE:
        raise ShoplaunchError("illegal_transition", f"the job is {job.state}; there is no cancellation to take back")
    return page("undo_cancel.html", "jobs", job=context.jobs().status(job))


def undo_cancel(job_id: str) -> Response:
    """Undo the cancellation."""
    context.jobs().undo_cancel(job_id, Note(g.operator, "undo_cancel"))
    flash(gettext("The cancellation is taken back; the shop is prepared again."))
    return redirect(url_for("admin.job", job_id=job_id), 303)


def certificate(job_id: str) -> str:
    """Show the birth certificate: the evidence that the shop is live."""
    job = context.jobs().status(context.jobs().get(job_id))
    shown = evidence.of_certificate(context.jobs().certificate(job_id))
    return page(
        "certificate.html",
        "jobs",
        job=job,
        signed=context.jobs().signed_certificate(job_id),
        folded_rows=evidence.FOLDED_ROWS,
        **shown,
    )
