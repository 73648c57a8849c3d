"""Follow a job on the terminal: a bar for the whole job, a line for every step and stage as it changes."""

from __future__ import annotations

import math
import time
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from controller.jobs.intake.service import Service
from controller.jobs.lifecycle import states
from controller.shop_address import ShopAddress

if TYPE_CHECKING:
    from shared.documents import AgentView, ServiceStatus, StageView, Step

POLL_SECONDS = 0.5
#: States that do not change by themselves.
ENDED = (states.LIVE, states.FAILED, states.STALLED, states.CANCELLED, states.IGNORED)
_WORDS = {
    states.RECEIVED: "waiting for the worker",
}


def follow(service: Service, job_id: str, console: Console | None = None) -> ServiceStatus:
    """Draw the job's progress until nothing more happens by itself; return its last status.

    Raises ShoplaunchError `job_unknown`.
    """
    console = console or Console(highlight=False)
    seen: set[tuple[str, str, int]] = set()
    columns = (
        TextColumn("{task.description:<26}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        job = service.jobs.get(job_id)
        # A bar has no room for text that users copy
        shop = ShopAddress.on_usual_port(job.domain, job.folder).readable
        console.print(f"{job_id}  {shop}", soft_wrap=True, markup=False)
        bar = bars.add_task("", total=100, left="")
        while True:
            job = service.jobs.get(job_id)
            status, agent = service.jobs.status(job), service.jobs.agent_view(job)
            _print_news(console, status, agent["stages"], seen)
            left = service.jobs.seconds_left(job)
            bars.update(
                bar, completed=status["percent"], description=_description(status, agent, job.stage), left=_left(left)
            )
            if status["state"] in ENDED:
                return status
            time.sleep(POLL_SECONDS)


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f"about {math.ceil(seconds)} s left"


def _description(status: ServiceStatus, agent: AgentView, stage: str | None) -> str:
    if agent["expected_seconds"] is not None:
        expected = math.ceil(agent["expected_seconds"])
        return f"cron starts it in {expected} s" if expected else "agent started"
    if status["state"] == states.RESTORING and stage:
        return stage
    return str(_WORDS.get(status["state"]) or status["step"] or status["state"])


def _print_news(
    console: Console, status: ServiceStatus, stages: list[StageView], seen: set[tuple[str, str, int]]
) -> None:
    """Print every step and stage that has ended since the last call."""
    rows = [(step["name"], step["state"], step["attempts"], _seconds(step)) for step in status["steps"]]
    agent = [(f"  {stage['name']}", stage["state"], status["attempt"], stage["seconds"]) for stage in stages]
    at = next((number for number, row in enumerate(rows) if row[0] == "agent"), len(rows))
    for name, state, attempt, seconds in [*rows[:at], *agent, *rows[at:]]:
        key = (name, state, attempt)
        if state in ("done", "failed", "skipped") and key not in seen:
            seen.add(key)
            mark = {"done": "[green]✓[/]", "failed": "[red]✗[/]"}.get(state, "[dim]–[/]")
            console.print(f"{mark} {name:<16}" + ("" if seconds is None else f"[dim]{seconds:8.2f} s[/]"))


def _seconds(step: Step) -> float | None:
    if not step["started_at"] or not step["finished_at"]:
        return None
    taken = datetime.fromisoformat(step["finished_at"]) - datetime.fromisoformat(step["started_at"])
    return max(0.0, taken.total_seconds())
