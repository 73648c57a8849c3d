"""GET and POST /credentials/<token>: the client's password, shown once or chosen, only after a press of the button."""

from __future__ import annotations

from flask import Blueprint, Response, g, make_response, render_template, request

from controller.db import facts
from controller.db.identities.access import Note
from controller.db.jobs import Job
from controller.jobs.intake import password_choice
from controller.jobs.shop import credentials
from controller.product_kind import word
from controller.shop_address import ShopAddress
from controller.web.support.context import clients
from controller.web.support.i18n import gettext, language
from shared.errors import ShoplaunchError, advice

bp = Blueprint("credentials", __name__)
#: Keep such an address out of search engines and caches, whatever a proxy does.
_HEADERS = {"X-Robots-Tag": "noindex, nofollow, noarchive", "Cache-Control": "no-store"}


@bp.get("/credentials/<token>")
def show(token: str) -> Response:
    """Return the page with the button or the form; a GET (mail scanners send them) changes nothing."""
    job, _nonce = _wanted(token)
    if clients().password_state(job) != credentials.WAITING:
        return _over(job)
    return _page(job, "choose" if _is_chosen(job) else "waiting")


@bp.post("/credentials/<token>")
def reveal(token: str) -> Response:
    """Show the password and forget it, or accept the one the client chose."""
    job, nonce = _wanted(token)
    return _choose(job, nonce, token) if _is_chosen(job) else _show(job, nonce, token)


def _show(job: Job, nonce: str, token: str) -> Response:
    note = Note("client", "password shown", request.remote_addr or "")
    password = clients().show_password(job, nonce, note)
    if password is None:
        return _over(_wanted(token)[0])
    return _page(job, "shown", password=password)


def _choose(job: Job, nonce: str, token: str) -> Response:
    password = request.form.get("password", "")
    if password != request.form.get("again", ""):
        return _page(job, "choose", 422, problem=gettext("The two passwords are not the same."))
    try:
        clients().choose_password(job, nonce, password, Note("client", "password chosen", request.remote_addr or ""))
    except ShoplaunchError as error:
        return _page(job, "choose", 422, problem=_said(error))
    return _over(_wanted(token)[0])


def _said(error: ShoplaunchError) -> str:
    if error.code == "password_unfit":
        return str(advice(error.code, language()))
    # The client cannot fix what keeps a job from starting
    return gettext("That is not possible at this moment. Please try again in a few minutes, or ask our support.")


def _wanted(token: str) -> tuple[Job, str]:
    job, nonce = clients().job_of_credentials(token)
    g.client_language = job.language
    return job, nonce


def _is_chosen(job: Job) -> bool:
    return credentials.mode_of(job) == "set"


def _over(job: Job) -> Response:
    """Return the page for a link that has been used or can no longer be used."""
    if clients().password_state(job) != credentials.SHOWN:
        return _page(job, "gone", 410)
    if _is_chosen(job):
        return _page(job, clients().password_progress(job))
    return _page(job, "used", 410)


def _page(job: Job, view: str, status: int = 200, **more: str) -> Response:
    known = credentials.link(job)
    titles = {
        "waiting": gettext("Your password is waiting"),
        "choose": gettext("Choose your password"),
        "shown": gettext("Your password"),
        "setting": gettext("Your password is being set"),
        "done": gettext("Your password is set"),
        "trouble": gettext("This takes a little longer"),
        "used": gettext("The password was shown already"),
        "gone": gettext("This link is no longer valid"),
    }
    page = render_template(
        "credentials.html",
        view=view,
        title=titles[view],
        place=ShopAddress.on_usual_port(job.domain, job.folder).readable,
        noun=word(job.noun, language()),
        login=job.email,
        admin_url=facts.of(job).admin_url,
        until=None if known is None else known.expires_at,
        used_at=None if known is None else known.used_at,
        days=credentials.DAYS,
        least=password_choice.MIN_CHARS,
        **more,
    )
    response = make_response(page, status)
    response.headers.update(_HEADERS)
    return response
