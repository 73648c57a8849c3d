"""The audit log: who changed what."""

from __future__ import annotations

from flask import Blueprint, request

from controller.db.tables import AUDIT_NAME_CHARS
from controller.web.pages.operator import view
from controller.web.pages.operator.session import page
from controller.web.support.context import access
from controller.web.support.parsing import page_number

PER_PAGE = 50


def register(bp: Blueprint) -> None:
    """Add the audit log's page to `bp`."""
    bp.add_url_rule("/audit", "audit_log", audit_log)


def audit_log() -> str:
    """Show the log, newest entry first; only the entries of one operator or key where `?user=` names it."""
    user = request.args.get("user", "")[:AUDIT_NAME_CHARS] or None
    total = access().count_audit(user)
    pages = view.pages(total, PER_PAGE)
    number = min(page_number(), pages)
    entries = access().list_audit(limit=PER_PAGE, offset=(number - 1) * PER_PAGE, user=user)
    return page("audit.html", "audit_log", entries=view.of_audit(entries), page=number, pages=pages, user=user)
