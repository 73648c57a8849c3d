"""`shoplaunch config check|show`: what is wrong with the settings, and where each value comes from."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from controller.cli.terminal.output import FAILED, PARTLY_DONE, errors_shown, json_option, print_rows
from controller.settings import shown
from controller.settings.loading import require_readable, survey
from controller.setup.settings_check import findings

_PROBLEMS = (("setting", "Setting"), ("message", "What is wrong"), ("place", "Where"), ("advice", "What to do"))
_VALUES = (("name", "Setting"), ("value", "Value"), ("from", "From"), ("where", "Where"))


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    group.add_command(config)


@click.group()
def config() -> None:
    """Look at the settings: of shoplaunch.toml, variables and secret files."""


@config.command()
@json_option
@errors_shown
def check(as_json: bool) -> None:
    """Report everything that is wrong with the settings, at once; nothing is called and nothing changed.

    Exit code 1: commands do not start with them; 3: they do, and something else is wrong.
    """
    found = findings(survey())
    print_rows([asdict(one) for one in found], _PROBLEMS, as_json=as_json, empty="The settings are right.")
    if found:
        sys.exit(FAILED if any(one.essential for one in found) else PARTLY_DONE)


@config.command()
@json_option
@errors_shown
def show(as_json: bool) -> None:
    """Show every setting with its value and where it comes from: default, file, environment or secret file.

    Passwords are masked. What is wrong is not shown but reported by `config check`.
    """
    found = survey()
    require_readable(found)
    rows = list(shown.rows_of(found))
    if not as_json:
        rows = [{**row, "value": shown.as_text(row["value"])} for row in rows]
    print_rows(rows, _VALUES, as_json=as_json, empty="")
