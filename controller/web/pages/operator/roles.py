"""The one table of roles: which role each operator page and each change needs."""

from __future__ import annotations

from flask import request

from controller.db.identities.operators import ADMINISTER, LOOK, OPERATE
from controller.follow_up_kinds import KINDS

#: Pages that need no login.
OPEN = ("admin.login",)
#: Pages and changes that need more than the right to look. A change that is not listed needs the highest role.
NEEDED = {
    "admin.logout": LOOK,
    "admin.confirm_retry": OPERATE,
    "admin.retry": OPERATE,
    "admin.confirm_cancel": OPERATE,
    "admin.cancel": OPERATE,
    "admin.confirm_undo_cancel": OPERATE,
    "admin.undo_cancel": OPERATE,
    "admin.confirm_resend": OPERATE,
    "admin.resend": OPERATE,
    "admin.confirm_dismiss": OPERATE,
    "admin.dismiss": OPERATE,
    # Actions on one's own access; those on everybody's and on keys are below
    "admin.account": LOOK,
    "admin.ask_factor": LOOK,
    "admin.offer_factor": LOOK,
    "admin.confirm_factor": LOOK,
    "admin.ask_end_factor": LOOK,
    "admin.end_factor": LOOK,
    "admin.operators": ADMINISTER,
    "admin.ask_operator": ADMINISTER,
    "admin.add_operator": ADMINISTER,
    "admin.operator": ADMINISTER,
    "admin.confirm_operator": ADMINISTER,
    "admin.change_operator": ADMINISTER,
    "admin.confirm_password": ADMINISTER,
    "admin.new_password": ADMINISTER,
    "admin.keys": ADMINISTER,
    "admin.ask_key": ADMINISTER,
    "admin.add_key": ADMINISTER,
    "admin.key": ADMINISTER,
    "admin.confirm_key": ADMINISTER,
    "admin.change_key": ADMINISTER,
}
_FOLLOW_UP_PAGES = ("admin.confirm_follow_up", "admin.begin_follow_up")


def of_kind(kind: str | None) -> str:
    """Return the role that is needed to start a follow-up job of `kind`."""
    return ADMINISTER if kind in KINDS and KINDS[kind].takes_from_client else OPERATE


def needed() -> str:
    """Return the role that the current request needs."""
    if request.endpoint in _FOLLOW_UP_PAGES:
        return of_kind((request.view_args or {}).get("kind") or request.form.get("kind"))
    return NEEDED.get(request.endpoint or "", LOOK if request.method in ("GET", "HEAD", "OPTIONS") else ADMINISTER)
