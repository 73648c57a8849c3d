"""The command to run next, after a packing, a check or a failure of either."""

from __future__ import annotations

import functools
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from controller.cli.terminal.output import FAILED, show_error
from shared.errors import ShoplaunchError

R = TypeVar("R")

#: Code of a failure -> the option to add to `pack`.
_HELPS = {
    "domain_unknown": "--domain DOMAIN",
    "prefix_unknown": "--table-prefix PREFIX",
    "dump_failed": "--scratch URL",
    "scratch_failed": "--scratch URL",
    "db_data_error": "--scratch URL",
    "not_this_application": "--recipe NAME",
}
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 63


def helped(command: Callable[..., R]) -> Callable[..., R]:
    """Make `pack` end a failure, unless it prints JSON, with the command that helps."""

    @functools.wraps(command)
    def guarded(**options: Any) -> R:
        try:
            return command(**options)
        except ShoplaunchError as problem:
            # An unanswered question names its option; no check helps
            if options["as_json"] or problem.code == "not_confirmed":
                raise
            show_error(problem.code, problem.message)
            following = after_failure(problem.code, options["docroot"], options["dump"], checked=options["check"])
            click.echo(f"Next: {following}", err=True)
            sys.exit(FAILED)

    return guarded


def after_packing(target: Path) -> str:
    """Return the command that adds a bundle."""
    name = _NO_NAME.sub("-", target.stem).strip("-._")[:_LONGEST_NAME] or "shop"
    return f"shoplaunch bundle add {name} {shlex.quote(str(target))}"


def after_check(docroot: Path, dump: Path | None) -> str:
    """Return the command that packs the checked template; passwords in URLs are not repeated."""
    source = f"--dump {shlex.quote(str(dump))}" if dump is not None else "--database URL"
    return f"shoplaunch pack --docroot {shlex.quote(str(docroot))} {source} -o shop.bundle"


def after_failure(code: str, docroot: Path, dump: Path | None, *, checked: bool) -> str:
    """Return the command that helps: with the missing option, else the check, which reports all problems together."""
    command = after_check(docroot, dump)
    if code in _HELPS:
        return command.replace(" -o ", f" {_HELPS[code]} -o ")
    check = command.removesuffix(" -o shop.bundle") + " --check"
    if code == "residue_in_bundle":
        return f"{check} --decisions decisions.toml   # then fill in each decision, and pack with --decisions"
    return f"{check}   # again, once that is fixed" if checked else check
