"""`shoplaunch pack`: pack a template shop into a bundle."""

from __future__ import annotations

import dataclasses
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click
from rich.console import Console

from controller.bundles import pipeline as compiler
from controller.bundles.review.decisions import Decisions
from controller.bundles.source.database.snapshot import Source
from controller.bundles.source.tree.walk import Tree
from controller.bundles.template_plan import TemplatePlan, make_plan
from controller.cli.packing import check as checking
from controller.cli.packing import review as reviewing
from controller.cli.packing.next_command import after_check, after_packing, helped
from controller.cli.packing.report import print_checked, print_packed
from controller.cli.terminal.bars import Bars
from controller.cli.terminal.confirmation import confirm_replacing, replace_option
from controller.cli.terminal.output import FAILED, errors_shown, json_option, print_json, show_error
from controller.recipes.base import PackOptions

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@dataclasses.dataclass(frozen=True)
class Asked:
    """The command line, by the options' names."""

    docroot: Path
    url: str | None = dataclasses.field(repr=False)
    dump: Path | None
    recipe: str | None
    domain: str | None
    table_prefix: str | None
    scratch: str | None = dataclasses.field(repr=False)
    keep_customers: bool
    keep: tuple[str, ...]
    leave_out: tuple[str, ...]
    release: Path | None
    variants: Path | None
    #: The file with the decisions.
    decided: Path | None
    check: bool
    full: bool
    as_json: bool
    target: Path | None
    replace: bool

    def plan(self, tree: Tree, source: Source) -> TemplatePlan:
        """Return the plan of the template. Raises ShoplaunchError of the recipe."""
        options = PackOptions(
            self.domain, keep_customers=self.keep_customers, keep=self.keep, leave_out=self.leave_out,
            table_prefix=self.table_prefix,
        )  # fmt: skip
        return make_plan(tree, source, self.recipe, options)

    def request(self, target: Path, decisions: Decisions | None, replacing: bool) -> compiler.Request:
        """Return the request to pack into `target`, replacing it or not."""
        return compiler.Request(
            self.docroot, target, self.url, self.dump, self.scratch, self.check, self.variants, decisions,
            release=self.release, replace=replacing,
        )  # fmt: skip


@click.command()
@click.option("--docroot", required=True, type=click.Path(path_type=Path), help="The folder with the shop's index.php.")
@click.option("--database", "url", help="mysql://user@host:port/name[?unix_socket=PATH|ssl_ca=FILE]; password "
              "also from SHOPLAUNCH_SOURCE_PASSWORD.")  # fmt: skip
@click.option("--dump", type=click.Path(path_type=Path), help="A .sql or .sql.gz instead of a live database.")
@click.option("--recipe", help="What kind of application it is; detected when left out.")
@click.option("--domain", help="The template's domain, where it cannot be detected.")
@click.option("--table-prefix", metavar="PREFIX", help="How the names of the template's tables begin, where neither "
              "files nor database say it.")  # fmt: skip
@click.option("--scratch", help="URL of a server to try the bundle on, password "
              "also from SHOPLAUNCH_SCRATCH_PASSWORD; default: a private one is started.")  # fmt: skip
@click.option("--keep-customers", is_flag=True, help="Keep customers, addresses, carts and orders.")
@click.option("--keep", multiple=True, metavar="PATTERN", help="Pack what would be left out: paths below the docroot, "
              "* within a name, ** over folders; may be repeated.")  # fmt: skip
@click.option("--leave-out", multiple=True, metavar="PATTERN", help="Leave these out as well, in the same way.")
@click.option(
    "--release",
    type=click.Path(exists=True, path_type=Path),
    help="The application's own release, a folder or ZIP: its files need no decisions.",
)
@click.option("--variants", type=click.Path(path_type=Path), help="A TOML file that declares what orders may choose.")
@click.option(
    "--decisions",
    "decided",
    type=click.Path(path_type=Path),
    help="A TOML file with decisions about findings; --check writes it.",
)
@click.option("--check", is_flag=True, help="Show what the template holds and what is wrong with it; keep no bundle.")
@click.option("--full", is_flag=True, help="Show the whole report, not only how each part of it begins.")
@json_option
@click.option("-o", "--output", "target", type=click.Path(path_type=Path), help="The bundle to write.")
@replace_option
@errors_shown
@helped
def pack(**given: Any) -> None:
    """Turn a template shop into one bundle."""
    asked = Asked(**given)
    if (asked.url is None) == (asked.dump is None):
        raise click.UsageError("give either --database or --dump")
    replacing = asked.target is not None and not asked.check and confirm_replacing(asked.target, asked.replace)
    decisions = reviewing.read(asked.decided, asked.check)
    with _orderly_end(), _where(asked.target, asked.check) as path:
        request = asked.request(path, decisions, replacing)
        if asked.check:
            _print_checked(_checked(request, asked.plan, asked.decided), asked.as_json, asked.full)
            if not asked.as_json:
                click.echo(f"Next: {after_check(asked.docroot, asked.dump)}")
            return

        def packed_with(known: Decisions | None) -> compiler.Packed:
            with Bars(Console(stderr=True)) as bars:
                return compiler.pack(dataclasses.replace(request, decisions=known), asked.plan, bars)

        packed = reviewing.pack(packed_with, decisions, asked.decided, asked.as_json)
    if asked.as_json:
        print_json({"size": packed.size, "manifest_sha256": packed.manifest_sha256, "report": packed.report,
                    "manifest": packed.manifest})  # fmt: skip
    elif asked.target is not None:
        print_packed(packed.manifest, packed.size, packed.report, full=asked.full)
        click.echo(f"{asked.target}  {packed.manifest_sha256}")
        click.echo(f"Next: {after_packing(asked.target)}")


def _checked(request: compiler.Request, planned: checking.MakePlan, decided: Path | None) -> checking.Checked:
    """Check a template, and write the open decisions about it to the file `decided`."""
    with Bars(Console(stderr=True)) as bars:
        checked = checking.check(request, planned, bars)
    if decided is not None and request.decisions is not None:
        reviewing.write_open(decided, request.decisions, checked)
    return checked


def _print_checked(checked: checking.Checked, as_json: bool, full: bool) -> None:
    """Print a check; end with exit code 1 when there is a problem."""
    if as_json:
        print_json(checked.as_json())
    else:
        print_checked(checked.sections(), full=full)
    if checked.packed is not None and not as_json:
        packed = checked.packed
        print_packed(packed.manifest, packed.size, packed.report, full=full)
        click.echo("no problem was found: the bundle would be complete; none was written")
    for problem in checked.problems[:-1] if not as_json else checked.problems:
        show_error(problem.code, problem.message)
    if checked.problems and not as_json:
        # With the command that helps
        raise checked.problems[-1]
    if checked.problems:
        sys.exit(FAILED)


@contextmanager
def _where(target: Path | None, check: bool) -> Iterator[Path]:
    """Yield the bundle's path; a check without one works in a folder that is removed."""
    if target is not None:
        yield target.absolute()
        return
    if not check:
        raise click.UsageError("give -o FILE, the bundle to write")
    with tempfile.TemporaryDirectory(prefix="shoplaunch-check-") as folder:
        yield Path(folder) / "checked.bundle"


@contextmanager
def _orderly_end() -> Iterator[None]:
    """Turn a request to stop into an exception, so that scratch server and half a bundle are removed."""

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        sys.exit(128 + number)

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    group.add_command(pack)
