"""`shoplaunch retention|prune|forget`: how long what is kept, what is over removed, a client's data erased."""

from __future__ import annotations

import click

from controller.cli.installation.duties import failure_noted
from controller.cli.terminal.confirmation import confirm, yes_option
from controller.cli.terminal.output import errors_shown, json_option, print_json, print_rows
from controller.db.identities.access import Note
from controller.jobs.intake import duties
from controller.jobs.intake.service import open_service
from controller.jobs.retention.sweep import FOUND, Due, Swept
from controller.settings.loading import load_config
from controller.timestamps import iso

_COLUMNS = (
    ("kind", "Setting"), ("days", "Days"), ("what", "What goes"), ("over", "Over now"), ("next_at", "Next goes"),
    ("removed", "Removed so far"),
)  # fmt: skip


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    for command in (retention, prune, forget):
        group.add_command(command)


@click.command()
@click.option("--run", "at_once", is_flag=True, help="Remove what is over now; workers do it every hour.")
@json_option
@errors_shown
def retention(at_once: bool, as_json: bool) -> None:
    """Show how long what is kept ([retention] in shoplaunch.toml), what is over, and when the next goes."""
    door = open_service(load_config()).retention
    swept = door.run() if at_once else None
    rows = [_row(one, as_json) for one in door.outlook()]
    if as_json:
        print_json({"kinds": rows, "removed": None if swept is None else swept.removed})
        return
    if swept is not None:
        click.echo(_summary(swept))
    print_rows(rows, _COLUMNS, as_json=False, empty="")


def _row(one: Due, as_json: bool) -> dict[str, object]:
    many = one.over >= FOUND
    return {
        "kind": one.kind.name,
        "what": one.kind.what,
        "days": one.days if as_json or one.days else "forever",
        "over": one.over if as_json or not many else f"{FOUND} or more",
        "next_at": iso(one.next_at),
        "removed": one.removed,
    }


@click.command()
@errors_shown
def prune() -> None:
    """Remove what is over, beside the traffic; for a timer where no worker runs all the time."""
    config = load_config()
    with failure_noted(config, duties.RETENTION):
        swept = open_service(config).retention.run()
    click.echo(_summary(swept))


def _summary(swept: Swept) -> str:
    if not swept.has_begun:
        return "Another process removes what is over at this moment."
    found = ", ".join(f"{kind} {number}" for kind, number in swept.removed.items() if number)
    return f"Removed: {found or 'nothing was over'}."


@click.command()
@click.argument("service")
@yes_option
@json_option
@errors_shown
def forget(service: str, yes: bool, as_json: bool) -> None:
    """Erase what is stored of a client's SERVICE, given as KEY/SERVICE or as a job's ID; the figures of its certificate
    stay.

    The shop itself stays in its account, and the controller can change nothing there any more. Backups made before
    still hold the data.
    """
    door = open_service(load_config()).retention
    signed_by, number = door.service_named(service)
    found = door.require_forgettable(signed_by, number)
    names = ", ".join(job.id for job in found) or "none"
    confirm(f"Everything that names the client of {service} goes for good (jobs: {names}). Continue?", yes)
    done = door.forget(signed_by, number, Note("command line", "forget"))
    if as_json:
        print_json({"jobs": done.jobs, "rows": done.rows, "files": done.files})
        return
    click.echo(f"Erased: {len(done.jobs)} jobs, {done.rows} rows, {done.files} files.")
    click.echo(
        "Backups that were made before still hold the data: let them go in time, or erase again after a restore."
    )
