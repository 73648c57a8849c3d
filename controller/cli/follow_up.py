"""A command for each kind of follow-up job on a live shop: `shoplaunch https-on`, `set-admin-password`, `remove`."""

from __future__ import annotations

import sys

import click

from controller.cli.terminal.confirmation import confirm, yes_option
from controller.cli.terminal.output import errors_shown
from controller.db.identities.access import Note
from controller.db.jobs import Job
from controller.follow_up_kinds import KINDS, Kind
from controller.jobs.intake.service import Service, open_service
from controller.jobs.lifecycle import states
from controller.jobs.shop.shop_secrets import password as new_password
from controller.settings.loading import load_config
from controller.shop_address import ShopAddress
from shared.errors import ShoplaunchError

_WHO = "command line"
_job_argument = click.argument("job_id", metavar="ID")
_generate_option = click.option("--generate", is_flag=True, help="Make a password and print it once.")


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    for kind in KINDS.values():
        group.add_command(_password_command(kind) if kind.asks_password else _command(kind))


def _command(kind: Kind) -> click.Command:
    @click.command(kind.command, help=kind.command_help)
    @_job_argument
    @yes_option
    @errors_shown
    def begin(job_id: str, yes: bool) -> None:
        service = open_service(load_config())
        _confirm(kind, service.jobs.get(job_id), yes)
        job = _begin(service, job_id, kind.name)
        click.echo(f"{job.id}: {job.state}")

    return begin


def _password_command(kind: Kind) -> click.Command:
    @click.command(kind.command, help=kind.command_help)
    @_job_argument
    @_generate_option
    @yes_option
    @errors_shown
    def begin(job_id: str, generate: bool, yes: bool) -> None:
        service = open_service(load_config())
        shop = service.jobs.get(job_id)
        if generate:
            _confirm(kind, shop, yes)
        # A password typed twice, or piped in, needs no confirmation
        chosen = new_password() if generate else _asked()
        job = _begin(service, job_id, kind.name, **{"admin.password": chosen})
        click.echo(f"{job.id}: {job.state}")
        if generate:
            click.echo(f"The new password, shown once: {chosen}")

    return begin


def _confirm(kind: Kind, shop: Job, yes: bool) -> None:
    address = ShopAddress.on_usual_port(shop.domain, shop.folder)
    confirm(kind.command_question.format(shop=address.readable), yes)


def _begin(service: Service, parent: str, kind: str, **values: str) -> Job:
    """Start a follow-up job and return it. Raises ShoplaunchError, domain_busy when one of the kind is open."""
    before = {job.id for job in service.jobs.follow_ups(parent)}
    job = service.jobs.start_follow_up(parent, kind, values, Note(_WHO, kind))
    if job.id in before:
        ended = job.state in (states.FAILED, states.STALLED)
        what = f"it is {job.state}: `retry` or `cancel` it first" if ended else "follow it with `watch`"
        raise ShoplaunchError("domain_busy", f"job {job.id} does this already; {what}")
    return job


def _asked() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("New password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")
