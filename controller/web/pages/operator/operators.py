"""Operators: list, add, show and change them; each change first shows its effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, g, make_response, redirect, request, url_for
from flask_babel import lazy_gettext
from werkzeug.wrappers import Response

from controller.access import operators, second_factor
from controller.access.actor import Actor
from controller.db.identities.operators import LOOK, ROLES
from controller.web.pages.operator import asking, view
from controller.web.pages.operator.session import page
from controller.web.support import context, labels
from controller.web.support.context import access, actor
from controller.web.support.i18n import gettext
from shared.errors import ShoplaunchError

#: An operator's page shows this many latest actions; the audit log has the rest.
LAST = 20


@dataclass(frozen=True)
class Change:
    """A change to an operator: `title`, `text` and `done` with %(user)s and %(role)s."""

    title: Any
    text: Any
    button: Any
    done: Any
    work: Callable[[Actor, str], None]


CHANGES = {
    "role": Change(
        lazy_gettext("Change the role of %(user)s to: %(role)s?"),
        lazy_gettext("It counts from the next page on that %(user)s opens."),
        lazy_gettext("Change the role"),
        lazy_gettext("The role of %(user)s is now: %(role)s."),
        lambda who, user: operators.set_role(who, user, _role()),
    ),
    "second-factor": Change(
        lazy_gettext("Take the second factor from %(user)s?"),
        lazy_gettext(
            "For a phone that is lost: %(user)s signs in with the password alone until a new second factor is set up. "
            "Every session ends. Be sure that it was %(user)s who asked you."
        ),
        lazy_gettext("Take the second factor away"),
        lazy_gettext("%(user)s signs in with the password alone now."),
        second_factor.end,
    ),
    "sessions": Change(
        lazy_gettext("End every session of %(user)s?"),
        lazy_gettext("%(user)s has to sign in again on every device."),
        lazy_gettext("End the sessions"),
        lazy_gettext("Every session of %(user)s is over."),
        operators.end_sessions,
    ),
    "remove": Change(
        lazy_gettext("Remove %(user)s?"),
        lazy_gettext("%(user)s cannot sign in any more, and every session ends. What %(user)s did stays in the log."),
        lazy_gettext("Remove the operator"),
        lazy_gettext("%(user)s is removed."),
        operators.remove,
    ),
}
#: This change shows a new password once.
NEW_PASSWORD = (
    lazy_gettext("Give %(user)s a new password?"),
    lazy_gettext("It is shown only once. The previous password ends, and so does every session of %(user)s."),
    lazy_gettext("Make a new password"),
)


def register(bp: Blueprint) -> None:
    """Add the pages to `bp`."""
    one = f"/operator/<user>/<any({', '.join(repr(name) for name in CHANGES)}):change>"
    bp.add_url_rule("/operators", "operators", list_operators)
    bp.add_url_rule("/operators/add", "ask_operator", ask_operator)
    bp.add_url_rule("/operators/add", "add_operator", add_operator, methods=["POST"])
    bp.add_url_rule("/operator/<user>", "operator", show)
    bp.add_url_rule(one, "confirm_operator", confirm)
    bp.add_url_rule(one, "change_operator", change_operator, methods=["POST"])
    bp.add_url_rule("/operator/<user>/password", "confirm_password", confirm_password)
    bp.add_url_rule("/operator/<user>/password", "new_password", new_password, methods=["POST"])


def list_operators() -> str:
    """List the operators: role, second factor, last sign-in, sessions."""
    return page("operators.html", "operators", operators=operators.listed(actor(), context.now()))


def ask_operator() -> Response:
    """Show the form for a new operator."""
    return _add_form("", 200)


def add_operator() -> Response:
    """Add the operator and show the password once."""
    # A name that is too long is refused, not cut down to another operator's name
    user, role = request.form.get("user", "").strip()[: operators.NAME_CHARS + 1], request.form.get("role", "")
    problem, status = asking.own_password_problem()
    if problem:
        return _add_form(problem, status)
    password = operators.new_password()
    try:
        operators.add(actor(), user, password, role)
    except ShoplaunchError as error:
        return _add_form(*asking.problem_of(error))
    return asking.shown_once(
        gettext("%(user)s may sign in", user=user),
        [(gettext("User"), user), (gettext("Password"), password)],
        gettext("Hand it over by a safe way, and ask %(user)s to set up a second factor.", user=user),
        back=url_for("admin.operators"),
    )


def show(user: str) -> str:
    """Show one operator: possible changes, sessions, latest actions."""
    now = context.now()
    found = operators.get(actor(), user, now)
    return page(
        "operator.html",
        "operators",
        shown=found,
        roles=[role for role in ROLES if role != found.role],
        own=user == g.operator,
        sessions=operators.sessions_of(actor(), user, now),
        entries=view.of_audit(access().list_audit(LAST, 0, user)),
    )


def confirm(user: str, change: str) -> Response:
    """Ask for confirmation before the operator is changed."""
    return _nothing_to_take(user, change) or _confirm(user, change, "", 200)


def change_operator(user: str, change: str) -> Response:
    """Carry out `change`, one of the changes an operator's page offers; ask again where the password is wrong."""
    nothing = _nothing_to_take(user, change)
    if nothing is not None:
        return nothing
    problem, status = asking.own_password_problem()
    if problem:
        return _confirm(user, change, problem, status)
    try:
        CHANGES[change].work(actor(), user)
    except ShoplaunchError as error:
        if error.code != "in_use":
            raise
        words = gettext("%(user)s is the last who may administer. Give another operator that role first.", user=user)
        return _confirm(user, change, words, 409)
    flash(str(CHANGES[change].done) % _words(user))
    # Operators who changed their own access may not see this page any more
    gone = change == "remove" or user == g.operator
    return redirect(url_for("admin.jobs" if user == g.operator else "admin.operators") if gone else _place(user), 303)


def confirm_password(user: str) -> Response:
    """Ask for confirmation before the operator gets a new password."""
    return _ask_password(user, "", 200)


def new_password(user: str) -> Response:
    """Give the operator a new password and show it once."""
    problem, status = asking.own_password_problem()
    if problem:
        return _ask_password(user, problem, status)
    password = operators.new_password()
    operators.set_password(actor(), user, password)
    return asking.shown_once(
        gettext("The new password of %(user)s", user=user),
        [(gettext("User"), user), (gettext("Password"), password)],
        gettext("Hand it over by a safe way."),
        back=_place(user),
    )


def _nothing_to_take(user: str, change: str) -> Response | None:
    """Return a redirect when the operator has no second factor to remove."""
    if change != "second-factor" or operators.get(actor(), user, 0.0).second_factor:
        return None
    flash(gettext("%(user)s has no second factor.", user=user))
    return redirect(_place(user), 303)


def _ask_password(user: str, problem: str, status: int) -> Response:
    operators.get(actor(), user, 0.0)
    title, text, button = (str(words) % {"user": user} for words in NEW_PASSWORD)
    return asking.confirmation("operators", asking.Question(title, text, button, _place(user)), problem, status)


def _confirm(user: str, change: str, problem: str, status: int) -> Response:
    operators.get(actor(), user, 0.0)
    asked, words = CHANGES[change], _words(user)
    hidden = {"role": _role()} if change == "role" else {}
    title, text, button = (str(one) % words for one in (asked.title, asked.text, asked.button))
    question = asking.Question(title, text, button, _place(user), hidden)
    return asking.confirmation("operators", question, problem, status)


def _place(user: str) -> str:
    return url_for("admin.operator", user=user)


def _role() -> str:
    """Return the role from the form. Raises ShoplaunchError `login_invalid`."""
    wanted = request.values.get("role", "")
    if wanted not in ROLES:
        raise ShoplaunchError("login_invalid", f"there is no role {wanted[:40]!r}")
    return wanted


def _words(user: str) -> dict[str, object]:
    return {"user": user, "role": labels.role_label(request.values.get("role", ""))}


def _add_form(problem: str, status: int) -> Response:
    given = {"user": request.form.get("user", "")[:64], "role": request.form.get("role", LOOK)}
    return make_response(page("operator_add.html", "operators", roles=ROLES, problem=problem, **given), status)
