"""The operator's session: who is signed in, since when, and the values every admin page needs."""

from __future__ import annotations

from typing import Any

from flask import g, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from controller.db.identities.operators import ADMINISTER, OPERATE, allows
from controller.db.identities.sessions import IDLE_SECONDS, LIFETIME_SECONDS
from controller.web.pages.operator import device, roles
from controller.web.support import context
from controller.web.support.context import access, monitoring
from shared.errors import ShoplaunchError

#: Sent by static/shoplaunch.js when a page refreshes itself.
LIVE_HEADER = "X-Shoplaunch-Live"


def sign_in(user: str, generation: int | None) -> None:
    """Start a new session for `user`; the old session's content is discarded.

    `generation` is the one from before the password was checked: whatever has ended the user's sessions since then ends
    this one, too.
    """
    session.clear()
    now = int(context.now())
    number = access().begin_session(user, request.remote_addr or "")
    session.update(user=user, generation=generation, since=now, seen=now, number=number)


def go_on() -> None:
    """Start a new session after the operator's own change ended all; one ended by somebody else stays ended."""
    sign_in(g.operator, session["generation"] + 1)


def sign_out() -> None:
    """End every session of the signed-in operator: a copy of the cookie becomes useless."""
    user = signed_in_user()
    session.clear()
    if user is not None:
        access().sign_out(user, request.remote_addr or "")


def signed_in_user(now: float | None = None) -> str | None:
    """Return the signed-in operator's name, None when there is none or the session is over."""
    now = context.now() if now is None else now
    user, since, seen = session.get("user"), session.get("since", 0), session.get("seen", 0)
    if not user or now - since > LIFETIME_SECONDS or now - seen > IDLE_SECONDS:
        return None
    generation = access().session_generation(str(user))
    return str(user) if generation is not None and session.get("generation") == generation else None


def require_operator() -> Response | None:
    """Redirect to the login when nobody is signed in; otherwise remember the operator.

    Raises ShoplaunchError `role_missing` when the operator's role does not allow the request.
    """
    if request.endpoint in roles.OPEN:
        return None
    g.operator = signed_in_user()
    if g.operator is None:
        wanted = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("admin.login", next=wanted))
    g.role = access().role(g.operator)
    if not allows(g.role, roles.needed()):
        raise ShoplaunchError("role_missing", f"{g.operator} may {g.role}, and this needs: {roles.needed()}")
    now = context.now()
    # A page that refreshes itself is no activity: without people the session ends. The time is written rarely, so that
    # not every page sends a new cookie
    if LIVE_HEADER not in request.headers and now - session.get("seen", 0) > 60:
        session["seen"] = int(now)
        access().session_seen(str(session.get("number", "")))
    return None


def is_own_password() -> bool:
    """Return whether the form holds the signed-in operator's password; changes that cannot be undone ask for it.

    Raises ShoplaunchError `login_throttled` after too many wrong ones.
    """
    given = request.form.get("own_password", "")[:1024]
    known = device.known(g.operator)
    return access().check_password(g.operator, given, request.remote_addr or "", known)


def page(template: str, section: str, **values: Any) -> str:
    """Return the admin page `template` with the values its frame needs."""
    known = monitoring().known_health()
    needing = 0 if known is None else known.needing
    may = {"may_operate": allows(g.role, OPERATE), "may_administer": allows(g.role, ADMINISTER)}
    return render_template(f"admin/{template}", section=section, operator=g.operator, needing=needing, **may, **values)
