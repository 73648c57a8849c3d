"""The servers this installation looks after."""

from __future__ import annotations

from flask import Blueprint

from controller.web.admin.session import page
from controller.web.context import service


def register(bp: Blueprint) -> None:
    """Add the servers' page to `bp`."""
    bp.add_url_rule("/servers", "servers", servers)


def servers() -> str:
    """List the servers; no credentials among what is shown."""
    return page("servers.html", "servers", servers=service().list_servers())
