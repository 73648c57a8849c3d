"""`shoplaunch engine status`: what moves the jobs, and how it gets on."""

from __future__ import annotations

import sys

import click

from controller.cli.terminal.output import FAILED, errors_shown, json_option, print_json, print_rows
from controller.db.machines.workers import WorkerRow
from controller.jobs.engine.monitoring.status import DEAF, OK, EngineStatus, ServerStatus, state_of
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
    ("heard", "Broker"),
)
_SERVERS = (
    ("name", "Server"),
    ("machine", "Machine"),
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
    """Show the workers, the slots and breakers of servers, and what is due; exit code 1 without any worker that is ok:
    all are silent, or deaf to the broker."""
    found = open_service(load_config()).monitoring.work_status()
    workers, servers = [_worker(one, found.now) for one in found.workers], [_server(one) for one in found.servers]
    oldest = found.oldest_due
    waited = None if oldest is None else round(max(0.0, found.now - oldest.since), 1)
    if as_json:
        job = None if oldest is None else oldest.job
        summary = {"kind": found.kind, "due": found.due, "oldest_due_job": job, "oldest_due_seconds": waited}
        print_json({**summary, "workers": workers, "servers": servers})
    else:
        shown = [{**row, "heard": _heard(one)} for row, one in zip(workers, found.workers, strict=True)]
        print_rows(shown, _WORKERS, as_json=False, empty="No worker runs.")
        click.echo()
        # At a terminal there is no room for an empty column
        is_bound = any(one.machine for one in found.servers)
        columns = [column for column in _SERVERS if is_bound or column[0] != "machine"]
        print_rows(servers, columns, as_json=False, empty="Nothing goes on at any server.")
        click.echo()
        click.echo(_summary(found, waited))
    if not any(state_of(one, found.now) == OK for one in found.workers):
        sys.exit(FAILED)


def _summary(found: EngineStatus, waited: float | None) -> str:
    oldest = "" if found.oldest_due is None else f", the oldest ({found.oldest_due.job}) for {waited} s"
    return f"Engine {found.kind}: {found.due} due jobs{oldest}."


def _heard(one: WorkerRow) -> str:
    """Return what the worker has heard of the broker."""
    if one.heard is None:
        return ""
    since = iso(one.beat_at - one.heard.ago)
    when = f"deaf since {since}" if state_of(one, one.beat_at) == DEAF else f"heard at {since}"
    return f"{when}, hints {one.heard.hints}, ignored {one.heard.ignored}"


def _broker(one: WorkerRow) -> dict[str, object] | None:
    if one.heard is None:
        return None
    return {
        "heard_at": iso(one.beat_at - one.heard.ago),
        "heard_seconds_ago": round(one.heard.ago, 1),
        "hints": one.heard.hints,
        "ignored": one.heard.ignored,
    }


def _worker(one: WorkerRow, now: float) -> dict[str, object]:
    age = max(0.0, now - one.beat_at)
    return {
        "name": one.name,
        "state": state_of(one, now),
        "age": round(age, 1),
        "servers": one.counted.serves or "all",
        "claims": one.counted.claims,
        "missed": one.counted.missed,
        "hints": one.counted.hints,
        "broker": _broker(one),
    }


def _server(one: ServerStatus) -> dict[str, object]:
    breaker = one.breaker
    state = "closed" if breaker is None else "open" if breaker.is_open else "failing"
    next_at = None if breaker is None else breaker.next_at
    return {
        "name": one.name,
        "machine": one.machine,
        "held": one.held,
        "slots": one.slots,
        "due": one.due,
        "breaker": state,
        "next_look_at": None if next_at is None else iso(next_at),
        "reason": "" if breaker is None else breaker.reason,
    }
