"""`shoplaunch jobs|show|watch|retry|cancel|certificate`: jobs, followed and mended."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Any

import click

from controller.cli.following import follow
from controller.cli.output import (
    FAILED,
    errors_shown,
    json_option,
    print_facts,
    print_json,
    print_rows,
    show_error,
)
from controller.config import load_config
from controller.jobs import certificate as certificates
from controller.jobs.service import open_service
from controller.jobs.states import LIVE, STATES
from controller.keys import load_keys

_COLUMNS = (
    ("id", "Job"), ("domain", "Domain"), ("account", "Account"), ("server", "Server"), ("bundle", "Bundle"),
    ("state", "State"), ("step", "Step"), ("percent", "%"), ("updated_at", "Changed"),
)  # fmt: skip
_STEP_COLUMNS = (
    ("name", "Step"), ("state", "State"), ("attempts", "Runs"), ("started_at", "Started"), ("finished_at", "Finished"),
    ("trouble", "Trouble"),
)  # fmt: skip
_FACTS = (
    ("id", "Job"), ("domain", "Domain"), ("account", "Account"), ("server", "Server"), ("bundle", "Bundle"),
    ("state", "State"), ("step", "Step"), ("attempt", "Attempt"), ("percent", "Percent"), ("shop_url", "Shop"),
    ("admin_url", "Back office"), ("status_url", "Client's page"),
)  # fmt: skip


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    for command in (jobs, show, watch, retry, cancel, certificate):
        group.add_command(command)


@click.command()
@click.option("--state", type=click.Choice(STATES), help="Only jobs in this state.")
@json_option
@errors_shown
def jobs(state: str | None, as_json: bool) -> None:
    """List the jobs, the last changed first."""
    service = open_service(load_config())
    rows = [service.service_status(job) for job in service.list_jobs(state)]
    print_rows(rows, _COLUMNS, as_json=as_json, empty="No such job.")


@click.command()
@click.argument("job_id", metavar="ID")
@json_option
@errors_shown
def show(job_id: str, as_json: bool) -> None:
    """Show one job with its steps."""
    service = open_service(load_config())
    found = service.service_status(service.get_job(job_id))
    if as_json:
        print_json(found)
        return
    print_facts((label, found.get(key)) for key, label in _FACTS)
    click.echo()
    rows = [{**row, "trouble": (row["error"] or {}).get("code")} for row in found["steps"]]
    print_rows(rows, _STEP_COLUMNS, as_json=False, empty="")
    _show_trouble(found)


def _show_trouble(found: dict[str, Any]) -> None:
    if found["error"]:
        show_error(found["error"]["code"], found["error"]["message"], found["error"]["advice"])


@click.command()
@click.argument("job_id", metavar="ID")
@errors_shown
def watch(job_id: str) -> None:
    """Follow a job until it lives (exit code 0) or needs somebody (1)."""
    found = follow(open_service(load_config()), job_id)
    _show_trouble(found)
    sys.exit(0 if found["state"] == LIVE else FAILED)


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--step", help="This step, and what follows on it; default: the one that failed.")
@errors_shown
def retry(job_id: str, step: str | None) -> None:
    """Run the failed step again."""
    service = open_service(load_config())
    job = service.retry(job_id, step)
    service.audit(getpass.getuser(), "retry", job.id, step or "")
    click.echo(f"{job.id} is {job.state} again, from step {job.step} on (attempt {job.attempt}).")


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--undo", is_flag=True, help="Take the cancellation back.")
@errors_shown
def cancel(job_id: str, undo: bool) -> None:
    """Cancel a job; the account is put back as it was."""
    service = open_service(load_config())
    job = service.undo_cancel(job_id) if undo else service.cancel(job_id)
    service.audit(getpass.getuser(), "undo_cancel" if undo else "cancel", job.id)
    click.echo(f"{job.id} is {job.state}.")


@click.command()
@click.argument("job_id", metavar="ID", required=False)
@click.option("--signed", is_flag=True, help="Print it as it was signed, to be kept or handed on.")
@click.option("--verify", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Check FILE.")
@json_option
@errors_shown
def certificate(job_id: str | None, signed: bool, file: Path | None, as_json: bool) -> None:
    """Show the birth certificate of job ID, or check one that was kept (--verify FILE)."""
    if (job_id is None) == (file is None):
        raise click.UsageError("Give either a job's ID or --verify FILE.")
    config = load_config()
    if file is not None:
        text = file.read_text("utf-8").strip()
        found = certificates.read(text, load_keys(config.keys).public_keys())
    else:
        service = open_service(config)
        text = service.signed_certificate(str(job_id))
        found = service.certificate(str(job_id))
    if signed:
        click.echo(text)
    elif as_json:
        print_json(found)
    else:
        _print_certificate(found)


def _print_certificate(found: dict[str, Any]) -> None:
    plain = [(key.replace("_", " "), value) for key, value in found.items() if not isinstance(value, dict | list)]
    print_facts(plain)
    for key, value in found.items():
        if isinstance(value, dict) and value:
            click.echo(f"\n{key}")
            print_facts((f"  {name}", item) for name, item in value.items())
        elif isinstance(value, list) and value:
            click.echo(f"\n{key}")
            columns = [(name, name) for name in value[0]] if isinstance(value[0], dict) else [("value", "")]
            rows = [row if isinstance(row, dict) else {"value": row} for row in value]
            print_rows(rows, columns, as_json=False, empty="")
