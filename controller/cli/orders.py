"""`shoplaunch order`: one shop that is wanted."""

from __future__ import annotations

import getpass
from typing import Any

import click

from controller.cli.output import errors_shown, json_option, print_json
from controller.config import load_config
from controller.jobs.service import open_service


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    group.add_command(order)


def _options(_context: click.Context, _parameter: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE")
        found[key] = value
    return found


@click.command()
@click.option("--server", required=True, help="Where the account is.")
@click.option("--bundle", required=True, help="Which shop.")
@click.option("--domain", required=True, help="The shop's domain.")
@click.option("--email", required=True, help="The client's address; also the back office's login.")
@click.option("--account", help="The account's user name; default with --create-account: one made from the domain.")
@click.option("--create-account", is_flag=True, help="Create the account when it is not there.")
@click.option("--shop-name")
@click.option("--first-name")
@click.option("--last-name")
@click.option("--language", help="Two letters, such as en or fa.")
@click.option("--country", help="Two capital letters, such as IR.")
@click.option("--variant")
@click.option("--option", "options", multiple=True, callback=_options, help="KEY=VALUE, such as occupied=move.")
@json_option
@errors_shown
def order(as_json: bool, **fields: Any) -> None:
    """Order one shop; prints the job's id. The same order again is the same job."""
    wanted = {name: value for name, value in fields.items() if value not in (None, {}, False)}
    service = open_service(load_config())
    job = service.place_order(wanted, source="command")
    service.audit(getpass.getuser(), "order", job.id, job.domain)
    if as_json:
        print_json(service.service_status(job))
    else:
        click.echo(job.id)
