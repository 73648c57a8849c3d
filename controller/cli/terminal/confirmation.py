"""Confirmation before something is changed or replaced: by a question at a terminal, by an option elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from shared.errors import ShoplaunchError

yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
replace_option = click.option("--replace", is_flag=True, help="Replace the file where it exists, without asking.")


def confirm(question: str, agreed: bool, option: str = "--yes") -> None:
    """Return when `agreed`, or when `question` is answered with yes.

    Raises click.Abort for no, ShoplaunchError `not_confirmed` where nobody can answer.
    """
    if agreed or _answer(question, option):
        return
    raise click.Abort


def chosen(question: str) -> bool:
    """Return the answer at a terminal, False for an empty one: a choice that has an option as well."""
    return click.confirm(question, default=False, err=True)


def confirm_replacing(file: Path, agreed: bool) -> bool:
    """Return whether there is a file that may be replaced; one that may not raises as `confirm` does.

    Raises ShoplaunchError `file_error` for anything but a file, click.UsageError for "-".
    """
    require_name(file)
    if not (file.exists() or file.is_symlink()):
        return False
    if not (file.is_file() or file.is_symlink()):
        # A rename would put a file in place of a device
        raise ShoplaunchError("file_error", f"{file} is no file")
    confirm(f"{file} exists already. Replace it?", agreed, "--replace")
    return True


def require_name(file: Path) -> None:
    """Raise click.UsageError for "-", which means standard output elsewhere and would be the name of a file here."""
    if file == Path("-"):
        raise click.UsageError("name a file; write ./- for one that is called -")


def _answer(question: str, option: str) -> bool:
    try:
        # Standard output may be JSON
        return click.confirm(question, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)
        raise ShoplaunchError("not_confirmed", f"{question} Nobody answered; {option} says yes") from None
