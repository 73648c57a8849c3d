"""Following one job: drawn live on a terminal, one line per change elsewhere."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from controller.cli.output import console
from controller.jobs.service import Service
from controller.jobs.states import CANCELLED, FAILED, IGNORED, LIVE, STALLED

LOOK_SECONDS = 0.5
#: States in which nothing more happens by itself.
ENDS = (LIVE, FAILED, STALLED, CANCELLED, IGNORED)
_MARKS = {"done": ("✓", "green"), "running": ("▶", "cyan"), "failed": ("✗", "red"), "skipped": ("–", "dim")}
_BAR_WIDTH = 50


def follow(service: Service, job_id: str) -> dict[str, Any]:
    """Show the job until it needs nobody's patience any more; return its status. Raises job_unknown."""
    found, stages = _look(service, job_id)
    if not console().is_terminal:
        return _follow_in_lines(service, job_id, found, stages)
    with Live(_drawn(found, stages), console=console(), refresh_per_second=4) as live:
        while found["state"] not in ENDS:
            time.sleep(LOOK_SECONDS)
            found, stages = _look(service, job_id)
            live.update(_drawn(found, stages))
    return found


def _look(service: Service, job_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    job = service.get_job(job_id)
    return service.service_status(job), list(service.agent_view(job)["stages"])


def _follow_in_lines(
    service: Service, job_id: str, found: dict[str, Any], stages: list[dict[str, Any]]
) -> dict[str, Any]:
    told = ""
    while True:
        running = [stage["name"] for stage in stages if stage["state"] == "running"]
        line = f"{found['state']} {found['step'] or ''} {'+'.join(running)}".strip()
        if line != told:
            console().print(f"{found['percent']:3d} % {line}")
            told = line
        if found["state"] in ENDS:
            return found
        time.sleep(LOOK_SECONDS)
        found, stages = _look(service, job_id)


def _drawn(found: dict[str, Any], stages: list[dict[str, Any]]) -> Group:
    head = Text.assemble((found["domain"], "bold"), f"  {found['state']}  ", (f"job {found['id']}", "dim"))
    bar = ProgressBar(total=100, completed=found["percent"], width=_BAR_WIDTH)
    line = Table.grid(padding=(0, 1))
    line.add_row(bar, f"{found['percent']} %")
    rows = Table.grid(padding=(0, 1))
    for step in found["steps"]:
        rows.add_row(*_row(step["name"], step["state"], _trouble(step)))
        if step["name"] == "agent":
            for stage in stages:
                seconds = stage.get("seconds")
                rows.add_row(*_row("  " + stage["name"], stage["state"], f"{seconds:.2f} s" if seconds else ""))
    return Group(head, line, rows)


def _trouble(step: dict[str, Any]) -> str:
    return str(step["error"]["code"]) if step["error"] else ""


def _row(name: str, state: str, detail: str) -> tuple[Text, Text, Text]:
    mark, colour = _MARKS.get(state, ("·", "dim"))
    return Text(mark, style=colour), Text(name, style="dim" if state == "waiting" else ""), Text(detail, style="dim")
