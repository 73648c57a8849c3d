"""`shoplaunch bundle add|list|show|remove`: the controller's bundles, and the content of a bundle file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from controller.bundles.headline import headline
from controller.bundles.packing_report import PackingReport
from controller.bundles.show import Description, describe
from controller.bundles.summary import sections
from controller.cli.packing.next_command import after_packing
from controller.cli.packing.report import print_headline, print_sections
from controller.cli.terminal.confirmation import confirm, yes_option
from controller.cli.terminal.output import errors_shown, json_option, print_facts, print_json, print_rows
from controller.db.bundles import Bundle
from controller.jobs.lifecycle.bundle_store import Bundles
from controller.settings.loading import load_config
from controller.setup import inventory, removal, stored_bundles

if TYPE_CHECKING:
    from shared.documents import Variant

_COLUMNS = (
    ("name", "Name"), ("application", "Application"), ("version", "Version"), ("size", "Bytes"), ("added_at", "Added"),
    ("folders", "Folders"), ("paid", "Paid"), ("stored", "Store"), ("manifest_sha256", "Manifest"),
)  # fmt: skip


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    group.add_command(bundle)


@click.group()
def bundle() -> None:
    """Bundles: packed template shops."""


def _bundles() -> Bundles:
    return inventory.bundle_store(load_config())


def _row(known: Bundle) -> dict[str, object]:
    added = datetime.fromtimestamp(known.added_at, UTC).isoformat(timespec="seconds")
    return {**vars(known), "added_at": added, "stored": known.store_key is not None}


@bundle.command()
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, readable=False))
@click.option("--paid/--not-paid", default=None, help="Whether you paid for it: then no server's folder of bundles is "
              "used for it, only accounts with a job get it.")  # fmt: skip
@click.option("--store/--no-store", default=None, help="Whether agents fetch it from the object store of "
              "[bundle_store], where it is put; by default it stays as it is.")  # fmt: skip
@json_option
@errors_shown
def add(name: str, file: Path, paid: bool | None, store: bool | None, as_json: bool) -> None:
    """Check every part of FILE and keep it as NAME; the same FILE again with other options changes these."""
    config = load_config()
    if store:
        stored_bundles.require_store(config)
    known = _bundles().add(name, file, paid)
    if store is not None:
        known = stored_bundles.put(config, name) if store else stored_bundles.take_away(config, name)
    row = _row(known)
    if as_json:
        print_json(row)
    else:
        click.echo(f"{name}: {row['application']} {row['version']}, {row['size']} bytes")


@bundle.command("list")
@json_option
@errors_shown
def list_bundles(as_json: bool) -> None:
    """List the bundles orders may name."""
    rows = [_row(known) for known in _bundles().listed()]
    print_rows(rows, _COLUMNS, as_json=as_json, empty="No bundle yet. Add one: shoplaunch bundle add NAME FILE")


@bundle.command()
@click.argument("name")
@click.option("--keep-stored", is_flag=True, help="Do not ask the object store, which may be gone: what it holds of "
              "the bundle stays there, and is named.")  # fmt: skip
@yes_option
@errors_shown
def remove(name: str, yes: bool, keep_stored: bool) -> None:
    """Forget the bundle NAME and delete its file; refused while jobs or keys need it."""
    config = load_config()
    inventory.require_database(config)
    removal.require_unused_bundle(config, name)
    confirm(f"The bundle {name} and its file are deleted. Continue?", yes)
    left = removal.bundle(config, name, keep_stored=keep_stored)
    click.echo(f"{name} is removed.")
    if left is not None:
        click.echo(f"What the object store holds of it stays there: {left}")


@bundle.command()
@click.argument("what", metavar="NAME|FILE")
@click.option("--full", is_flag=True, help="Show the whole report of its packing, too.")
@json_option
@errors_shown
def show(what: str, full: bool, as_json: bool) -> None:
    """Show what a bundle holds; every part is checked against its digest first."""
    file = Path(what)
    is_file = file.is_file()
    if not is_file:
        known = _bundles()
        file = known.path(known.get(what).name)
    found = describe(file)
    if as_json:
        print_json(found)
        return
    manifest = found["manifest"]
    # A bundle of unknown origin may have another form: whatever shows a part of it must accept that
    report = cast(PackingReport, manifest.get("report", {}))
    print_headline(headline(manifest, found["size"], report))
    print_facts(_facts(found))
    if full:
        click.echo()
        print_sections(sections(manifest, found["size"], report))
    order = f"shoplaunch order --server NAME --bundle {what} --domain DOMAIN --email EMAIL --create-account"
    click.echo(f"Next: {after_packing(file) if is_file else order}")


def _variants(known: Sequence[Variant]) -> str:
    shown = [f"{one['name']} ({one['title']})" if one.get("title") else one["name"] for one in known]
    return f"{len(known)}: {', '.join(shown)}"


def _facts(found: Description) -> list[tuple[str, str]]:
    manifest = found["manifest"]
    kinds: dict[str, int] = {}
    for member in manifest["members"]:
        kinds[member["kind"]] = kinds.get(member["kind"], 0) + 1
    php = manifest["requirements"]["php"]
    return [
        ("File", found["file"]),
        ("Manifest", found["manifest_sha256"]),
        ("Members", ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))),
        ("PHP extensions", ", ".join(php["extensions"])),
        ("Secrets", ", ".join(secret["name"] for secret in manifest["secrets"])),
        ("Checks", ", ".join(check["name"] for check in manifest["checks"])),
        ("Goes", "to a domain's root, or below a folder of it" if manifest.get("folders") else "to a domain's root"),
        *([("Variants", _variants(manifest["variants"]))] if manifest["variants"] else []),
    ]
