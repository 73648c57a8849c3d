"""The options `--version` and `--json` of the whole command line."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import click

from controller.cli.terminal.output import print_json

_WANTED = "controller.cli.installation.version_option.as_json"


def version_options(command: Callable[..., object]) -> Callable[..., object]:
    """Add `--version` to a group, and `--json` for it."""
    as_json = click.option(
        "--json", is_flag=True, is_eager=True, expose_value=False, callback=_note_json, help="JSON, with --version."
    )
    version = click.option(
        "--version", is_flag=True, expose_value=False, callback=_show, help="Show the version and exit."
    )
    return version(as_json(command))


def _note_json(context: click.Context, _option: click.Parameter, value: bool) -> None:
    # Judged before --version, in whichever order the two are given
    context.meta[_WANTED] = value


def _show(context: click.Context, _option: click.Parameter, value: bool) -> None:
    as_json = context.meta.get(_WANTED, False)
    if context.resilient_parsing:
        return
    if not value:
        if as_json:
            raise click.UsageError("here, --json goes with --version; give a command its own --json behind its name")
        return
    # Loaded when asked for: it looks at distributions and drivers
    shown = importlib.import_module("controller.cli.installation.versions").versions()
    if as_json:
        print_json(shown)
    else:
        click.echo(f"shoplaunch, version {shown['version']}")
    context.exit()
