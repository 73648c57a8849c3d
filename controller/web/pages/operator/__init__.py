"""The operator's pages below /admin: one blueprint, its views in one module per subject."""

from __future__ import annotations

from flask import Blueprint

from controller.web.pages.operator import account, api_keys, attention, audit, jobs, login, operators, servers
from controller.web.pages.operator.session import require_operator
from controller.web.support import csrf


def make_blueprint() -> Blueprint:
    """Return the blueprint: every POST needs its CSRF token, every page but the login an operator."""
    bp = Blueprint("admin", __name__, url_prefix="/admin")
    bp.before_request(csrf.check)
    bp.before_request(require_operator)
    for module in (login, jobs, attention, servers, audit, operators, api_keys, account):
        module.register(bp)
    return bp
