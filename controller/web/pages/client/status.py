"""GET /status/<token>: the progress of the client's shop in non-technical words."""

from __future__ import annotations

from flask import Blueprint, g, render_template

from controller.product_kind import word
from controller.shop_address import ShopAddress
from controller.web.support import labels
from controller.web.support.context import clients, jobs
from controller.web.support.i18n import language

bp = Blueprint("status", __name__)


@bp.get("/status/<token>")
def show(token: str) -> str:
    """Return the client's page in the client's language; 404 for a token that names no job."""
    job = clients().job_of_status(token)
    g.client_language = job.language
    view = jobs().status(job)
    noun = word(job.noun, language())
    title, sentence = labels.headline(view["state"], noun, is_alarmed=job.alarm != "wanted")
    return render_template(
        "status.html",
        title=title,
        sentence=sentence,
        state=view["state"],
        place=ShopAddress.on_usual_port(view["domain"], view["folder"]).readable,
        percent=view["percent"],
        milestones=labels.milestones(view["state"], view["percent"], noun),
        noun=noun,
        left=jobs().seconds_left(job),
        moving=labels.is_moving(view["state"]),
        shop_url=view.get("shop_url") if view["state"] == "live" else None,
    )
