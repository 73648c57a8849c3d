"""GET and POST /credentials/<token>: the client's password, shown once, and only to somebody who presses the button."""

from __future__ import annotations

from flask import Blueprint, Response, g, make_response, render_template, request

from controller.db.jobs import Job
from controller.jobs import credentials
from controller.web.context import service
from controller.web.i18n import gettext

bp = Blueprint("credentials", __name__)
#: Nothing at such an address is for search engines or caches, whatever a proxy thinks.
_HEADERS = {"X-Robots-Tag": "noindex, nofollow, noarchive", "Cache-Control": "no-store"}


@bp.get("/credentials/<token>")
def show(token: str) -> Response:
    """Return the page with the button; looking at it (mail scanners do) changes nothing."""
    job, _nonce = _wanted(token)
    state = credentials.state(job, service().now())
    return _page(job, "waiting") if state == credentials.WAITING else _over(job, state)


@bp.post("/credentials/<token>")
def reveal(token: str) -> Response:
    """Show the password and forget it."""
    job, nonce = _wanted(token)
    password = credentials.show(service().engine, service().keys, job.id, nonce, service().now())
    if password is None:
        job, _nonce = _wanted(token)
        return _over(job, credentials.state(job, service().now()))
    service().audit("client", "password shown", job.id, request.remote_addr or "")
    return _page(job, "shown", password=password)


def _wanted(token: str) -> tuple[Job, str]:
    job, nonce = service().job_by_credentials_token(token)
    g.client_language = job.language
    return job, nonce


def _over(job: Job, state: str) -> Response:
    return _page(job, "used" if state == credentials.SHOWN else "gone", 410)


def _page(job: Job, view: str, status: int = 200, password: str = "") -> Response:
    known = job.facts.get(credentials.FACT) or {}
    titles = {
        "waiting": gettext("Your password is waiting"),
        "shown": gettext("Your password"),
        "used": gettext("The password was shown already"),
        "gone": gettext("This link is no longer valid"),
    }
    page = render_template(
        "credentials.html",
        view=view,
        title=titles[view],
        domain=job.domain,
        login=job.email,
        admin_url=job.facts.get("admin_url"),
        password=password,
        until=known.get("expires_at"),
        used_at=known.get("used_at"),
    )
    response = make_response(page, status)
    response.headers.update(_HEADERS)
    return response
