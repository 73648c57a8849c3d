"""`shoplaunch errors [CODE]`: the meaning of an error code, whether a retry helps, and what to do."""

from __future__ import annotations

import click

from controller.cli.terminal.output import errors_shown, json_option, print_rows
from shared.errors import CODES, LANGUAGES, advice, title

_COLUMNS = (("code", "Code"), ("title", "What happened"), ("retry", "Retried automatically"), ("advice", "What to do"))


def register(group: click.Group) -> None:
    """Add this module's command to `group`."""
    group.add_command(errors)


@click.command()
@click.argument("code", required=False)
@click.option("--language", type=click.Choice(list(LANGUAGES)), default="en", help="In which language.")
@json_option
@errors_shown
def errors(code: str | None, language: str, as_json: bool) -> None:
    """Show what to do about the error CODE; without one, about every error."""
    if code is not None and code not in CODES:
        raise click.UsageError(f"there is no error code {code[:60]!r}; `shoplaunch errors` lists them all")
    rows = [
        {"code": name, "title": title(name, language), "retry": entry["retryable"], "advice": advice(name, language)}
        for name, entry in CODES.items()
        if code in (None, name)
    ]
    print_rows(rows, _COLUMNS, as_json=as_json, empty="")
