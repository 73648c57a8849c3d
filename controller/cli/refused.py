"""`shoplaunch refused list|send|dismiss`: signed orders that were refused, and sending them again."""

from __future__ import annotations

import click

from controller.cli.terminal.confirmation import confirm, yes_option
from controller.cli.terminal.output import errors_shown, json_option, print_json, print_rows
from controller.db.orders.refused_orders import RefusedOrder
from controller.jobs.intake.doors import MANY
from controller.jobs.intake.refused_orders import shown_domain
from controller.jobs.intake.service import open_service
from controller.settings.loading import load_config
from controller.telemetry import tracing
from controller.timestamps import iso

_WHO = "command line"
_COLUMNS = (
    ("id", "Number"), ("domain", "Domain"), ("service_id", "Service"), ("tries", "Times"), ("last_at", "Last"),
    ("code", "Error"), ("message", "Reason"), ("advice", "What to do"), ("settled", "Settled"),
)  # fmt: skip


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    group.add_command(refused)


@click.group()
def refused() -> None:
    """Orders that were signed and refused: no shop is being made of them."""


@refused.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that are settled.")
@click.option("--limit", type=click.IntRange(1), default=MANY, show_default=True)
@json_option
@errors_shown
def list_refused(everything: bool, limit: int, as_json: bool) -> None:
    """List refused orders with the reason and what to do, the last refused first."""
    found = open_service(load_config()).orders.list_refused(limit, settled=everything)
    columns = _COLUMNS if everything else _COLUMNS[:-1]
    print_rows(map(_row, found), columns, as_json=as_json, empty="No order is refused.")


def _row(order: RefusedOrder) -> dict[str, object]:
    error = {name: order.error.get(name) for name in ("code", "message", "advice", "retryable")}
    return {
        "id": order.id,
        "domain": shown_domain(order.domain),
        "service_id": order.service_id,
        "bundle": order.bundle,
        "source": order.source,
        "signed_by": order.signed_by or None,
        "tries": order.tries,
        "first_at": iso(order.first_at),
        "last_at": iso(order.last_at),
        **error,
        "settled": order.settled or None,
        "settled_at": iso(order.settled_at),
        "job": order.job,
    }


@refused.command()
@click.argument("number", metavar="NUMBER", type=click.IntRange(1))
@yes_option
@json_option
@errors_shown
def send(number: int, yes: bool, as_json: bool) -> None:
    """Send the refused order NUMBER again, once the reason is fixed; prints its job's id."""
    config = load_config()
    service = open_service(config)
    order = service.orders.get_refused(number)
    if not order.settled:
        confirm(f"A shop is made of the order for {shown_domain(order.domain) or '-'}. Continue?", yes)
    with tracing.of_command(config.traces_url):
        job = service.orders.resend(number, _WHO)
    made = None if job is None else job.id
    if as_json:
        print_json({"id": number, "job": made})
    else:
        click.echo(made or "The order is taken; its service waits for acceptance.")


@refused.command()
@click.argument("number", metavar="NUMBER", type=click.IntRange(1))
@yes_option
@errors_shown
def dismiss(number: int, yes: bool) -> None:
    """Take the refused order NUMBER from the list: somebody has seen to it, and no shop is made of it."""
    service = open_service(load_config())
    order = service.orders.get_refused(number)
    confirm(f"No shop is made of the order for {shown_domain(order.domain) or '-'}. Continue?", yes)
    service.orders.dismiss_refused(number, _WHO)
    click.echo("Dismissed.")
