"""The operator's own account: role, sessions, and the second factor, active once a code of the app was verified."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, flash, g, make_response, redirect, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from controller.access import operators, qr_code, second_factor, totp
from controller.web.pages.operator import asking
from controller.web.pages.operator.session import go_on, page
from controller.web.support import context
from controller.web.support.context import actor, config
from controller.web.support.i18n import gettext

#: Letters of the key that are shown together.
_GROUP = 4


def register(bp: Blueprint) -> None:
    """Add the pages to `bp`."""
    bp.add_url_rule("/account", "account", show)
    bp.add_url_rule("/account/second-factor", "ask_factor", ask_factor)
    bp.add_url_rule("/account/second-factor", "offer_factor", offer_factor, methods=["POST"])
    bp.add_url_rule("/account/second-factor/code", "confirm_factor", confirm_factor, methods=["POST"])
    bp.add_url_rule("/account/second-factor/end", "ask_end_factor", ask_end_factor)
    bp.add_url_rule("/account/second-factor/end", "end_factor", end_factor, methods=["POST"])


def show() -> str:
    """Show the operator's role, sessions and second factor."""
    now = context.now()
    own, sessions = operators.get(actor(), g.operator, now), operators.sessions_of(actor(), g.operator, now)
    return page("account.html", "account", own=own, sessions=sessions)


def ask_factor() -> Response:
    """Ask for the password before a second factor is set up."""
    return _ask_factor("", 200)


def offer_factor() -> Response:
    """Show a new key for the app, as QR code and as text."""
    problem, status = asking.own_password_problem()
    if problem:
        return _ask_factor(problem, status)
    secret, sealed = second_factor.offer(actor(), g.operator, context.now())
    return _offer(secret, sealed, "", 200)


def confirm_factor() -> Response:
    """Set the second factor when the app's code is right, and show the recovery codes once."""
    sealed, now = request.form.get("sealed", "")[:2000], context.now()
    secret = second_factor.offered(actor(), g.operator, sealed, now)
    if secret is None:
        return _ask_factor(gettext("That took too long. Begin again."), 410)
    codes = second_factor.confirm(actor(), g.operator, secret, request.form.get("code", "")[:64], now)
    if codes is None:
        return _offer(
            secret, sealed, gettext("That is not the current code. Wait for the next one and try again."), 401
        )
    # All other sessions have ended
    go_on()
    return make_response(
        page(
            "shown_once.html",
            "account",
            title=gettext("Your second factor is set up"),
            facts=(),
            codes=codes,
            note=gettext("Keep these recovery codes apart from your phone. Each signs you in once without the app."),
            back=url_for("admin.account"),
        )
    )


def ask_end_factor() -> Response:
    """Ask for confirmation before the second factor ends."""
    return _ask_end("", 200) if _has_factor() else _without_factor()


def end_factor() -> Response:
    """End the operator's own second factor."""
    if not _has_factor():
        return _without_factor()
    problem, status = asking.own_password_problem()
    if problem:
        return _ask_end(problem, status)
    second_factor.end(actor(), g.operator)
    go_on()
    flash(gettext("You sign in with the password alone now."))
    return redirect(url_for("admin.account"), 303)


def _has_factor() -> bool:
    return operators.get(actor(), g.operator, 0.0).second_factor


def _without_factor() -> Response:
    flash(gettext("%(user)s has no second factor.", user=g.operator))
    return redirect(url_for("admin.account"), 303)


def _ask_factor(problem: str, status: int) -> Response:
    question = asking.Question(
        gettext("Set up a second factor?"),
        gettext(
            "From then on signing in takes your password and a code that an app on your phone shows. "
            "What you had set up before ends, and so does every other session of yours."
        ),
        gettext("Show the QR code"),
        url_for("admin.account"),
        action=url_for("admin.offer_factor"),
        danger=False,
    )
    return asking.confirmation("account", question, problem, status)


def _ask_end(problem: str, status: int) -> Response:
    question = asking.Question(
        gettext("Sign in without a second factor?"),
        gettext("Your password alone signs you in then. The recovery codes and every other session of yours end."),
        gettext("End the second factor"),
        url_for("admin.account"),
    )
    return asking.confirmation("account", question, problem, status)


def _offer(secret: str, sealed: str, problem: str, status: int) -> Response:
    issuer = urlsplit(config().public_url).hostname or "Shoplaunch"
    address = totp.address(secret, g.operator, issuer)
    shown = page(
        "second_factor.html",
        "account",
        # Generated here, from digits only
        code=Markup(qr_code.svg(address)),  # noqa: S704
        address=address,
        groups=[secret[at : at + _GROUP] for at in range(0, len(secret), _GROUP)],
        sealed=sealed,
        problem=problem,
    )
    return make_response(shown, status)
