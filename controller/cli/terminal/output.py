"""Output of commands: tables for people, JSON for programs, failures with their advice; and exit codes."""

from __future__ import annotations

import errno
import functools
import json
import os
import pwd
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from controller.cli.terminal import tables
from shared.errors import ShoplaunchError, advice

OK = 0
FAILED = 1
WRONG_USAGE = 2
PARTLY_DONE = 3

#: Errors of the operating system -> code.
_REFUSALS = {
    errno.ENOSPC: "disk_full",
    errno.EDQUOT: "disk_full",
    errno.EROFS: "read_only",
    errno.EACCES: "permission_denied",
    errno.EPERM: "permission_denied",
}

#: JSON itself escapes only the first 32 characters, which control a terminal as well.
_COMMANDS = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")

P = ParamSpec("P")
R = TypeVar("R")

#: The option of every listing.
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def show_error(code: str, message: str, what_to_do: str = "") -> None:
    """Print a failure with its code and advice to standard error."""
    click.echo(f"{code}: {_below(message)}", err=True)
    what_to_do = what_to_do or advice(code)
    if what_to_do and what_to_do != message:
        click.echo(f"What to do: {_below(what_to_do)}", err=True)


def _below(text: str) -> str:
    """Return `text`, whose further lines pass for no line of the command: they are indented."""
    return "\n  ".join(printable(text).split("\n"))


def errors_shown(command: Callable[P, R]) -> Callable[P, R]:
    """Make a command end with exit code 1 and the failure's code and advice, whatever it raises.

    With --json, standard output gets {"error": {"code", "message", "advice", "retryable"}}: programs always read JSON
    there.
    """

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as problem:  # noqa: BLE001 - a stack trace helps nobody at a terminal
            failure = as_failure(problem)
            document = failure.as_dict()
            if kwargs.get("as_json"):
                found = {"findings": failure.details["findings"]} if "findings" in failure.details else {}
                # The failure is reported on standard error in any case
                with suppress(OSError):
                    print_json({"error": document, **found})
            show_error(document["code"], document["message"], document["advice"])
            _forget_unwritten()
            sys.exit(FAILED)

    return guarded


def _forget_unwritten() -> None:
    """Discard unwritten output, so that it is not tried again at exit: nothing could catch that error."""
    try:
        sys.stdout.flush()
    except OSError:
        # Without a descriptor it is no file of the system's
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def as_failure(problem: Exception) -> ShoplaunchError:
    """Return `problem` as a ShoplaunchError: an OSError by its number, an unexpected one as `internal`."""
    if isinstance(problem, ShoplaunchError):
        return problem
    if isinstance(problem, OSError) and problem.strerror:
        code = _REFUSALS.get(problem.errno or 0, "file_error")
        # The library names some files by their Path
        place = f"{problem.filename}: " if isinstance(problem.filename, str | Path) else ""
        return ShoplaunchError(code, f"{place}{problem.strerror}{_for_whom(code)}")
    frames = traceback.extract_tb(problem.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno} ({frames[-1].name})" if frames else ""
    # Without its text: that may hold anything, even secrets
    return ShoplaunchError("internal", type(problem).__name__ + place)


def _for_whom(code: str) -> str:
    """Return who may not, for `permission_denied`: root's commands of the package run as another user."""
    if code != "permission_denied":
        return ""
    with suppress(KeyError):
        return f" for the user {pwd.getpwuid(os.geteuid()).pw_name}"
    return f" for the user {os.geteuid()}"


def print_json(document: object) -> None:
    """Print `document` as JSON."""
    click.echo(json_text(document, indent=2))


def json_text(document: object, indent: int | None = None) -> str:
    """Return `document` as JSON in which nothing commands a terminal: texts in it may be others'."""
    text = json.dumps(document, ensure_ascii=False, indent=indent, sort_keys=False)
    # Within JSON such characters are in texts only, where an escape means the same
    return _COMMANDS.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def print_rows(
    rows: Iterable[Mapping[str, object]], columns: Sequence[tuple[str, str]], *, as_json: bool, empty: str
) -> None:
    """Print `rows` as JSON or as a table of `columns` [(key, heading)]; `empty` where there are none."""
    listed = list(rows)
    if as_json:
        print_json(listed)
        return
    if not listed:
        click.echo(empty)
        return
    headings = [heading for _key, heading in columns]
    cells = ([_text(row.get(key)) for key, _heading in columns] for row in listed)
    _print(tables.table(headings, cells, tables.terminal_width()))


def print_facts(facts: Iterable[tuple[str, object]], *, bold: bool = True, indent: str = "") -> None:
    """Print `label  value` lines."""
    known = [(printable(label), _text(value)) for label, value in facts]
    _print(tables.labelled(known, tables.terminal_width(), bold=bold, indent=indent))


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _text(value: object) -> str:
    if value is None or value == "":
        return tables.NOTHING
    return "yes" if value is True else "no" if value is False else printable(str(value))


def printable(text: str) -> str:
    """Return `text` without terminal control sequences: others may have written it."""
    return "".join(letter if letter.isprintable() or letter in "\n\u200c" else "?" for letter in text)
