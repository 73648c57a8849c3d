"""`shoplaunch order`: order one shop."""

from __future__ import annotations

import click

from controller.cli.terminal.output import errors_shown, json_option, print_json
from controller.db.identities.access import Note
from controller.jobs.intake.service import open_service
from controller.settings.loading import load_config
from controller.telemetry import tracing
from shared.errors import ShoplaunchError

_REQUIRED = ("server", "bundle", "domain", "email")


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    group.add_command(order)


@click.command()
@click.option("--server", required=True, help="The server's name, as in `server list`.")
@click.option("--bundle", required=True, help="The bundle's name, as in `bundle list`.")
@click.option("--domain", required=True, help="The shop's host name.")
@click.option("--folder", help="A folder of the domain the shop goes into, such as shop; left out: its root.")
@click.option("--email", required=True, help="The client's address, the login of the back office.")
@click.option("--account", help="The hosting account's name; made from the domain with --create-account.")
@click.option("--create-account", is_flag=True, help="Create the account when it does not exist.")
@click.option("--shop-name", help="The shop's name; left out: the domain.")
@click.option("--first-name", help="The client's first name, for the shop's administrator.")
@click.option("--last-name", help="The client's last name.")
@click.option("--language", help="Two small letters, such as en or fa.")
@click.option("--country", help="Two capital letters, such as IR.")
@click.option(
    "--variant",
    help="One of the bundle's variants by name or title, as in `bundle show`; left out: the template as it is.",
)
@click.option("--service-id", help="Billing's number of the service.")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="occupied=move: put what stands in the document root aside; time_zone=Asia/Tehran; currency=EUR.",
)
@json_option
@errors_shown
def order(
    account: str | None, create_account: bool, options: tuple[str, ...], as_json: bool, **texts: str | None
) -> None:
    """Order one shop; prints the job's id. The same order again names the same job."""
    wanted = {
        "event": "ordered",
        **{name: text for name, text in texts.items() if name in _REQUIRED or text},
        **({"account": account} if account else {}),
        **({"create_account": True} if create_account else {}),
        **({"options": _options(options)} if options else {}),
    }
    config = load_config()
    service = open_service(config)
    with tracing.of_command(config.traces_url):
        job = service.orders.place(wanted, source="command", note=Note("command line", "order"))
        if as_json:
            print_json(service.jobs.status(job))
        else:
            click.echo(job.id)


def _options(given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in given:
        key, sign, value = text.partition("=")
        if not key or not sign:
            raise ShoplaunchError("order_invalid", f"--option needs KEY=VALUE, not {text[:60]!r}")
        found[key] = value
    return found
