"""`shoplaunch engine status`: what moves the jobs, and how it gets on."""

from __future__ import annotations

import click

from controller.cli.terminal.output import errors_shown, json_option, print_json, print_rows
from controller.db.machines.workers import WorkerRow
from controller.jobs.engine.monitoring.health import MAX_LOOP_SECONDS
from controller.jobs.engine.monitoring.status import EngineStatus, ServerStatus
from controller.jobs.intake.service import open_service
from controller.settings.loading import load_config
from controller.timestamps import iso

_WORKERS = (
    ("name", "Worker"),
    ("state", "State"),
    ("age", "Last sign (s)"),
    ("servers", "Its servers"),
    ("claims", "Claims"),
    ("missed", "Missed"),
    ("hints", "Hints"),
)
_SERVERS = (
    ("name", "Server"),
    ("held", "Slots held"),
    ("slots", "Of"),
    ("due", "Due jobs"),
    ("breaker", "Breaker"),
    ("next_look_at", "Next look"),
    ("reason", "Why"),
)


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    group.add_command(engine)


@click.group()
def engine() -> None:
    """What moves the jobs."""


@engine.command()
@json_option
@errors_shown
def status(as_json: bool) -> None:
    """Show the workers, the slots and breakers of servers, and what is due."""
    found = open_service(load_config()).monitoring.work_status()
    workers, servers = [_worker(one, found.now) for one in found.workers], [_server(one) for one in found.servers]
    waited = None if found.oldest_due is None else round(max(0.0, found.now - found.oldest_due), 1)
    if as_json:
        summary = {"kind": found.kind, "due": found.due, "oldest_due_seconds": waited}
        print_json({**summary, "workers": workers, "servers": servers})
        return
    print_rows(workers, _WORKERS, as_json=False, empty="No worker runs.")
    click.echo()
    print_rows(servers, _SERVERS, as_json=False, empty="Nothing goes on at any server.")
    click.echo()
    click.echo(_summary(found, waited))


def _summary(found: EngineStatus, waited: float | None) -> str:
    oldest = "" if waited is None else f", the oldest for {waited} s"
    return f"Engine {found.kind}: {found.due} due jobs{oldest}."


def _worker(one: WorkerRow, now: float) -> dict[str, object]:
    age = max(0.0, now - one.beat_at)
    return {
        "name": one.name,
        "state": "ok" if age <= MAX_LOOP_SECONDS else "silent",
        "age": round(age, 1),
        "servers": one.counted.serves or "all",
        "claims": one.counted.claims,
        "missed": one.counted.missed,
        "hints": one.counted.hints,
    }


def _server(one: ServerStatus) -> dict[str, object]:
    breaker = one.breaker
    state = "closed" if breaker is None else "open" if breaker.is_open else "failing"
    next_at = None if breaker is None else breaker.next_at
    return {
        "name": one.name,
        "held": one.held,
        "slots": one.slots,
        "due": one.due,
        "breaker": state,
        "next_look_at": None if next_at is None else iso(next_at),
        "reason": "" if breaker is None else breaker.reason,
    }
