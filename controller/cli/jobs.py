"""`shoplaunch jobs|show|watch|retry|cancel|certificate`: follow jobs and intervene."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

import click

from controller.cli.terminal.confirmation import confirm, yes_option
from controller.cli.terminal.given_file import GivenText
from controller.cli.terminal.output import (
    FAILED,
    errors_shown,
    json_option,
    json_text,
    print_facts,
    print_json,
    print_rows,
    show_error,
)
from controller.cli.terminal.watching import follow
from controller.db.identities.access import Note
from controller.jobs.agent_judgement import starting
from controller.jobs.intake.doors import MANY
from controller.jobs.intake.service import Service, open_service
from controller.jobs.lifecycle import states
from controller.panels.start import REASONS
from controller.settings.loading import load_config
from controller.shop_address import ShopAddress
from shared.job import RESTORE

if TYPE_CHECKING:
    from shared.documents import Certificate, ServiceStatus, Start

_COLUMNS = (
    ("id", "Job"), ("kind", "Kind"), ("domain", "Domain"), ("server", "Server"), ("account", "Account"),
    ("state", "State"), ("step", "Step"), ("percent", "%"), ("updated_at", "Changed"),
)  # fmt: skip
_WHO = "command line"
#: Shown only when they have a value.
_MAYBE = ("folder", "variant", "parent", "tls", "tls_reason", "waiting_for", "waiting_why", "next_look_at")


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    for command in (list_jobs, show, watch, retry, cancel, certificate):
        group.add_command(command)


def _service() -> Service:
    return open_service(load_config())


@click.command("jobs")
@click.option("--state", type=click.Choice(states.STATES), help="Only jobs in this state.")
@click.option("--limit", type=click.IntRange(1), default=MANY, show_default=True)
@json_option
@errors_shown
def list_jobs(state: str | None, limit: int, as_json: bool) -> None:
    """List jobs, the last changed first."""
    service = _service()
    rows = service.jobs.statuses(service.jobs.listed(state=state, limit=limit))
    print_rows(rows, _COLUMNS, as_json=as_json, empty="No job yet.")


@click.command()
@click.argument("job_id", metavar="ID")
@json_option
@errors_shown
def show(job_id: str, as_json: bool) -> None:
    """Show one job: how far it is, its steps, what went wrong and what to do about it."""
    service = _service()
    job = service.jobs.get(job_id)
    status, agent = service.jobs.status(job), service.jobs.agent_view(job)
    if as_json:
        print_json({**status, "agent": agent})
        return
    labels = ("id", "domain", "folder", "server", "account", "bundle", "variant", "state", "step", "attempt", "percent",
              "kind", "parent", "waiting_for", "waiting_why", "next_look_at", "tls", "tls_reason", "created_at",
              "updated_at", "shop_url", "admin_url", "status_url")  # fmt: skip
    values: Mapping[str, object] = status
    facts = [(name.replace("_", " "), values[name]) for name in labels if name not in _MAYBE or values.get(name)]
    start = status.get("start")
    print_facts([*facts, *([("agent started", started(start))] if start else [])])
    click.echo()
    rows = [{**step, "error": step["error"] and step["error"]["code"]} for step in status["steps"]]
    columns = (("name", "Step"), ("state", "State"), ("attempts", "Runs"), ("error", "Error"), ("note", "Note"))
    print_rows(rows, columns, as_json=False, empty="")
    if agent["stages"]:
        click.echo()
        stages = (("name", "Stage of the agent"), ("state", "State"), ("seconds", "Seconds"))
        print_rows(agent["stages"], stages, as_json=False, empty="")
    _show_trouble(status)


def started(start: Start) -> str:
    """Return a line that says how the agent was started: `start` is that of the status document."""
    waited, reason = start["waited_seconds"], start["reason"]
    parts = ["by cron" if start["way"] == starting.CRON else f"at once ({start['way']})"]
    parts += [] if waited is None else [f"waited for: {waited:.1f} s"]
    return "; ".join([*parts, *([REASONS.get(reason, reason)] if reason else [])])


def _show_trouble(status: ServiceStatus) -> None:
    error = status["error"]
    if error is not None:
        click.echo()
        show_error(error["code"], error["message"], error["advice"])


@click.command()
@click.argument("job_id", metavar="ID")
@errors_shown
def watch(job_id: str) -> None:
    """Follow a job until it is live or needs somebody; exit code 1 when the shop does not live."""
    service = _service()
    status = follow(service, job_id)
    _show_trouble(status)
    if status["state"] != states.LIVE:
        sys.exit(FAILED)
    click.echo(f"The shop lives: {status['shop_url']}" if status["kind"] == RESTORE else "Done.")


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--step", help="Only this step and what follows from it; default: the one that failed.")
@yes_option
@errors_shown
def retry(job_id: str, step: str | None, yes: bool) -> None:
    """Run the failed step of a job again, and what follows from it; asks where that changes a shop that lives."""
    service = _service()
    found = service.jobs.get(job_id)
    if found.kind != RESTORE:
        shop = ShopAddress.on_usual_port(found.domain, found.folder).readable
        confirm(f"Go on with {found.kind} on the living shop {shop}?", yes)
    job = service.jobs.retry(job_id, step, Note(_WHO, "retry", step or ""))
    click.echo(f"{job.id}: {job.state}, step {job.step}, attempt {job.attempt}")


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--undo", is_flag=True, help="Take the cancellation back: the shop is prepared again.")
@yes_option
@errors_shown
def cancel(job_id: str, undo: bool, yes: bool) -> None:
    """Cancel a job: its account is put back as it was."""
    service = _service()
    found = service.jobs.get(job_id)
    shop = ShopAddress.on_usual_port(found.domain, found.folder).readable
    asked = (
        f"Prepare the shop {shop} again" if undo else f"Cancel the job of {shop}, and put its account back as it was"
    )
    # A request that is refused anyway needs no confirmation
    if not undo or states.may(found.state, "undo_cancel"):
        confirm(f"{asked}?", yes)
    change, action = (service.jobs.undo_cancel, "undo_cancel") if undo else (service.jobs.cancel, "cancel")
    job = change(job_id, Note(_WHO, action))
    click.echo(f"{job.id}: {job.state}")


@click.command()
@click.argument("job_id", metavar="ID", required=False)
@click.option("--signed", is_flag=True, help="Print the document as it was signed.")
@click.option("--verify", "file", type=GivenText(errors="replace"), help="Check and print a document that was kept.")
@json_option
@errors_shown
def certificate(job_id: str | None, signed: bool, file: TextIO | None, as_json: bool) -> None:
    """Print a shop's birth certificate: the evidence that it lives, its signature checked."""
    if (job_id is None) == (file is None):
        raise click.UsageError("Give either a job's ID or --verify FILE.")
    service = _service()
    text = file.read().strip() if file is not None else service.jobs.signed_certificate(str(job_id))
    content = service.jobs.read_certificate(text)
    if signed:
        click.echo(text)
    elif as_json:
        print_json(content)
    else:
        _print_certificate(content)


def _print_certificate(content: Certificate) -> None:
    print_facts(
        (name.replace("_", " "), value) for name, value in content.items() if not isinstance(value, dict | list)
    )
    click.echo()
    stages = [{"name": name, "seconds": seconds} for name, seconds in content["stages"].items()]
    print_rows(stages, (("name", "Stage"), ("seconds", "Seconds")), as_json=False, empty="")
    click.echo()
    columns = (("name", "Visit"), ("path", "Page"), ("status", "Status"), ("bytes", "Bytes"), ("seconds", "Seconds"))
    print_rows(content["probes"], columns, as_json=False, empty="")
    click.echo("\n" + json_text(content["evidence"])[:2000])
