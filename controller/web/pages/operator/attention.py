"""Everything that needs an operator: refused orders, undelivered alarms, a stalled worker."""

from __future__ import annotations

from flask import Blueprint, flash, g, redirect, url_for
from werkzeug.wrappers import Response

from controller.db.orders.refused_orders import RefusedOrder
from controller.db.upkeep.health import Undelivered
from controller.jobs.intake.refused_orders import shown_domain
from controller.web.pages.operator import view
from controller.web.pages.operator.session import page
from controller.web.support.context import monitoring, orders
from controller.web.support.i18n import gettext
from controller.web.support.labels import error_title
from shared.errors import ShoplaunchError

#: More than this many have one common cause.
MANY = 100
#: No database holds a larger number.
_ORDER = f"/refused/<int(max={2**63 - 1}):number>"


def register(bp: Blueprint) -> None:
    """Add the pages to `bp`."""
    bp.add_url_rule("/attention", "attention", attention)
    bp.add_url_rule(_ORDER + "/send", "confirm_resend", confirm_resend)
    bp.add_url_rule(_ORDER + "/send", "resend", resend, methods=["POST"])
    bp.add_url_rule(_ORDER + "/dismiss", "confirm_dismiss", confirm_dismiss)
    bp.add_url_rule(_ORDER + "/dismiss", "dismiss", dismiss, methods=["POST"])


def attention() -> str:
    """Show everything that needs an operator, with its reason and advice."""
    health = monitoring().health()
    return page(
        "attention.html",
        "attention",
        orders=[_shown(order) for order in orders().list_refused(MANY)],
        refused=health.refused,
        alarms=monitoring().undelivered_alarms(MANY),
        undelivered=health.undelivered.jobs,
        others=_others(health.undelivered),
        trouble=None if health.error is None else health.error.as_dict(),
        advice=view.own_advice,
    )


def _others(undelivered: Undelivered) -> list[tuple[str, int]]:
    """Return (what they are about, how many) of the undelivered alarms that are of no job and no order."""
    found = (
        (gettext("Servers that fail"), undelivered.servers),
        (gettext("Duties that are not done"), undelivered.duties),
        (gettext("Roll-outs that have stopped"), undelivered.channels),
    )
    return [(label, number) for label, number in found if number]


def confirm_resend(number: int) -> str:
    """Ask for confirmation before the refused order is sent again."""
    return page("refused_send.html", "attention", order=_open(number))


def resend(number: int) -> Response:
    """Send the refused order again; show its job, or the reason of the new refusal."""
    try:
        job = orders().resend(number, g.operator)
    except ShoplaunchError as error:
        if error.code == "refused_unknown":
            raise
        flash(gettext("It was refused again: %(reason)s", reason=error_title(error.code)))
        return redirect(url_for("admin.attention"), 303)
    if job is None:
        flash(gettext("The order is taken; it waits until billing accepts it."))
        return redirect(url_for("admin.attention"), 303)
    flash(gettext("The order is taken; this is its job."))
    return redirect(url_for("admin.job", job_id=job.id), 303)


def confirm_dismiss(number: int) -> str:
    """Ask for confirmation before the refused order is dismissed."""
    return page("refused_dismiss.html", "attention", order=_open(number))


def dismiss(number: int) -> Response:
    """Remove the refused order from the page."""
    orders().dismiss_refused(number, g.operator)
    flash(gettext("The order is taken from the list; no shop is made of it."))
    return redirect(url_for("admin.attention"), 303)


def _open(number: int) -> dict[str, object]:
    order = orders().get_refused(number)
    if order.settled:
        raise ShoplaunchError("illegal_transition", "the order is settled already")
    return _shown(order)


def _shown(order: RefusedOrder) -> dict[str, object]:
    return {
        "id": order.id,
        "domain": shown_domain(order.domain),
        "bundle": order.bundle,
        "service_id": order.service_id,
        "signed_by": order.signed_by,
        "error": order.error,
        "tries": order.tries,
        "last_at": order.last_at,
        "may_send": order.document is not None,
    }
