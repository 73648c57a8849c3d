"""How agents start on a server: ask, store and show it on the command line."""

from __future__ import annotations

import sys

import click

from controller.cli.terminal.confirmation import chosen
from controller.db.machines import servers
from controller.db.machines.servers import Server
from controller.panels.base import Check
from controller.panels.registry import is_here, starts
from controller.panels.start import REASONS, stops

_CONSEQUENCES = """\
Agents can be started at once instead of at cron's next minute. For that a small PHP file lies in the document root of
each new shop for some seconds, under a name nobody can guess; the site is asked for it once, it removes itself and
starts the agent as the account. Malware scanners may dislike a file that starts programs: allow it there, or leave the
start to cron."""


def asked(panel: str, start: str | None) -> str:
    """Return how agents start on a new server of `panel`: the option, the answer at a terminal, or "" (default)."""
    if start is not None or is_here(panel) or not sys.stdin.isatty():
        return start or ""
    click.echo(_CONSEQUENCES)
    return servers.AUTO if chosen("Start agents at once there?") else servers.CRON


def last(row: Server) -> str:
    """Return the last result of starting an agent at once there, "" before the first time."""
    learned = row.start_learned
    if learned is None:
        return ""
    return REASONS.get(learned.reason, learned.reason) if learned.reason else f"by {learned.way}"


def check(row: Server, now: float) -> Check:
    """Return the row of `server check` about it: a server where only cron starts agents lacks nothing."""
    if starts(row) != servers.AUTO:
        message = "left to cron; `shoplaunch server set NAME --start auto` changes that"
        return Check("start at once", True, message, essential=False, optional=True)
    learned = row.start_learned
    if learned is None:
        return Check("start at once", True, "not tried yet", essential=False, optional=True)
    stopped = stops(learned, now)
    advice = f"`shoplaunch server set {row.name} --start auto` tries it again; without, cron starts the agents"
    return Check(
        "start at once", not stopped, f"last time: {last(row)}", advice if stopped else "",
        essential=False, optional=True,
    )  # fmt: skip
