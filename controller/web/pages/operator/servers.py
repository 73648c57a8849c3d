"""The page that lists the servers of this installation."""

from __future__ import annotations

from flask import Blueprint

from controller.jobs.lifecycle.panel_access import panel_lockout, server_outage
from controller.panels.registry import PANELS, elsewhere, starts
from controller.web.pages.operator import view
from controller.web.pages.operator.session import page
from controller.web.support.context import monitoring


def register(bp: Blueprint) -> None:
    """Add the servers' page to `bp`."""
    bp.add_url_rule("/servers", "servers", servers)


def servers() -> str:
    """List the servers, and what to do about those that refused the login or fail; no credentials are shown."""
    known = monitoring().list_servers()
    about = {"starts": starts, "elsewhere": elsewhere, "locked_code": panel_lockout.CODE, "advice": view.own_advice}
    about |= {"breakers": monitoring().breakers(), "failing_code": server_outage.CODE}
    about["titles"] = {name: kind.title for name, kind in PANELS.items()}
    return page("servers.html", "servers", servers=known, **about)
