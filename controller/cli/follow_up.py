"""`shoplaunch https-on|set-admin-password|remove`: follow-up jobs on a live shop."""

from __future__ import annotations

import sys

import click

from controller.cli.terminal.confirmation import confirm, yes_option
from controller.cli.terminal.output import errors_shown
from controller.config import load_config
from controller.db.identities.access import Note
from controller.db.jobs import Job
from controller.jobs.engine import follow_up
from controller.jobs.intake.service import Service, open_service
from controller.jobs.lifecycle import states
from controller.jobs.record.domains import readable
from controller.jobs.shop.shop_secrets import password as new_password
from shared.errors import ShoplaunchError

_WHO = "command line"


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    for command in (https_on, set_admin_password, remove):
        group.add_command(command)


def _begin(service: Service, parent: str, kind: str, **values: str) -> Job:
    """Start a follow-up job and return it. Raises ShoplaunchError, domain_busy when one of the kind is open."""
    before = {job.id for job in service.jobs.follow_ups(parent)}
    job = service.jobs.start_follow_up(parent, kind, values, Note(_WHO, kind))
    if job.id in before:
        ended = job.state in (states.FAILED, states.STALLED)
        what = f"it is {job.state}: `retry` or `cancel` it first" if ended else "follow it with `watch`"
        raise ShoplaunchError("domain_busy", f"job {job.id} does this already; {what}")
    return job


@click.command("https-on")
@click.argument("job_id", metavar="ID")
@yes_option
@errors_shown
def https_on(job_id: str, yes: bool) -> None:
    """Switch the shop of job ID to https; taken back by itself when it does not work from outside."""
    service = open_service(load_config())
    shop = service.jobs.get(job_id)
    confirm(f"Switch the shop {readable(shop.domain, shop.folder)} to https?", yes)
    job = _begin(service, job_id, follow_up.HTTPS_ON)
    click.echo(f"{job.id}: {job.state}")


@click.command("set-admin-password")
@click.argument("job_id", metavar="ID")
@click.option("--generate", is_flag=True, help="Make a password and print it once.")
@yes_option
@errors_shown
def set_admin_password(job_id: str, generate: bool, yes: bool) -> None:
    """Give the administrator of the shop of job ID a new password: asked for, or the first line of standard input."""
    service = open_service(load_config())
    shop = service.jobs.get(job_id)
    if generate:
        confirm(f"The administrator's password of {readable(shop.domain, shop.folder)} ends. Go on?", yes)
    # A password typed twice, or piped in, needs no confirmation
    chosen = new_password() if generate else _asked()
    job = _begin(service, job_id, follow_up.SET_ADMIN_PASSWORD, **{"admin.password": chosen})
    click.echo(f"{job.id}: {job.state}")
    if generate:
        click.echo(f"The new password, shown once: {chosen}")


def _asked() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("New password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


@click.command()
@click.argument("job_id", metavar="ID")
@yes_option
@errors_shown
def remove(job_id: str, yes: bool) -> None:
    """Close the shop of job ID for visitors; its files and data stay until the account goes."""
    service = open_service(load_config())
    shop = service.jobs.get(job_id)
    confirm(f"Close the shop {readable(shop.domain, shop.folder)}?", yes)
    job = _begin(service, job_id, follow_up.REMOVE)
    click.echo(f"{job.id}: {job.state}")
