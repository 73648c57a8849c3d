"""Login and logout; wrong passwords are counted by network and user, or by device."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from controller.web.pages.operator import device
from controller.web.pages.operator.session import sign_in, sign_out
from controller.web.support.context import access
from controller.web.support.i18n import gettext
from shared.errors import ShoplaunchError


def register(bp: Blueprint) -> None:
    """Add login and logout to `bp`."""
    bp.add_url_rule("/login", "login", login, methods=["GET", "POST"])
    bp.add_url_rule("/logout", "logout", logout, methods=["POST"])


def login() -> Response:
    """Show the form; on POST sign in, or answer 401 (wrong) or 429 (too many attempts)."""
    if request.method != "POST":
        # A HEAD request is no login attempt either
        return _form("", 200)
    user, password = request.form.get("user", "")[:64], request.form.get("password", "")[:1024]
    code = request.form.get("code", "")[:64]
    generation = access().session_generation(user)
    try:
        accepted = access().check_login(user, password, request.remote_addr or "", device.known(user), code)
    except ShoplaunchError as error:
        return _too_often(error)
    if not accepted:
        return _form(gettext("User, password or code is wrong."), 401)
    sign_in(user, generation)
    response = make_response(redirect(_next_page(), 303))
    device.remember(response, user)
    return response


def logout() -> Response:
    """End the session."""
    sign_out()
    return redirect(url_for("admin.login"), 303)


def _too_often(error: ShoplaunchError) -> Response:
    if error.code != "login_throttled":
        raise error
    response = _form(gettext("Too many attempts. Please wait a while and try again."), 429)
    response.headers["Retry-After"] = str(error.details["retry_after_seconds"])
    return response


def _form(problem: str, status: int) -> Response:
    user = request.form.get("user", "")[:64]
    return make_response(render_template("admin/login.html", problem=problem, user=user), status)


def _next_page() -> str:
    wanted = request.args.get("next", "")
    # Only the controller's own pages: no other host, and no path that a browser reads as one
    own = wanted.startswith("/admin/") and "\\" not in wanted and wanted.isprintable()
    return wanted if own else url_for("admin.jobs")
