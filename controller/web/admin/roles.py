"""What each page and each change of the operator's pages needs: the one place that says so."""

from __future__ import annotations

from flask import request

from controller.db.operators import ADMINISTER, LOOK, OPERATE
from controller.jobs.kinds import REMOVE, SET_ADMIN_PASSWORD

#: Pages that nobody has to be signed in for.
OPEN = ("admin.login",)
#: Pages and changes that need more than looking. What is not here and changes something needs everything.
NEEDED = {
    "admin.logout": LOOK,
    "admin.retry": OPERATE,
    "admin.confirm_cancel": OPERATE,
    "admin.cancel": OPERATE,
    "admin.confirm_undo_cancel": OPERATE,
    "admin.undo_cancel": OPERATE,
    "admin.confirm_resend": OPERATE,
    "admin.resend": OPERATE,
    "admin.confirm_dismiss": OPERATE,
    "admin.dismiss": OPERATE,
}
#: Later jobs that take something from a client.
_KINDS = (SET_ADMIN_PASSWORD, REMOVE)
_LATER = ("admin.confirm_later", "admin.begin_later")


def of_kind(kind: str | None) -> str:
    """Return the role that beginning a later job of `kind` needs."""
    return ADMINISTER if kind in _KINDS else OPERATE


def needed() -> str:
    """Return the role that the current request needs."""
    if request.endpoint in _LATER:
        return of_kind((request.view_args or {}).get("kind") or request.form.get("kind"))
    return NEEDED.get(request.endpoint or "", LOOK if request.method in ("GET", "HEAD", "OPTIONS") else ADMINISTER)
