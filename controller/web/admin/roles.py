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
    "admin.undo_cancel": OPERATE,
    "admin.begin_later": OPERATE,
    "admin.confirm_resend": OPERATE,
    "admin.resend": OPERATE,
    "admin.confirm_dismiss": OPERATE,
    "admin.dismiss": OPERATE,
}
#: Later jobs that take something from a client.
_KINDS = (SET_ADMIN_PASSWORD, REMOVE)


def needed() -> str:
    """Return the role that the current request needs."""
    if request.endpoint == "admin.begin_later" and request.form.get("kind") in _KINDS:
        return ADMINISTER
    return NEEDED.get(request.endpoint or "", LOOK if request.method in ("GET", "HEAD", "OPTIONS") else ADMINISTER)
