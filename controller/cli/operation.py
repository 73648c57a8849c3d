"""`shoplaunch backup|restore`: the installation in one file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from controller import backup as backups
from controller.cli.output import PARTLY_DONE, errors_shown
from controller.config import load_config
from controller.installation import ensure_folders


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    group.add_command(backup)
    group.add_command(restore)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@errors_shown
def backup(file: Path) -> None:
    """Write settings, keys and database into FILE. It holds every key: keep it closed."""
    backups.backup(load_config(), file)
    click.echo(f"{file}: {file.stat().st_size} bytes. Bundles are not in it; keep their files too.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@errors_shown
def restore(file: Path) -> None:
    """Bring an installation back from FILE, into one without jobs; exit code 3 when bundles have to be added again."""
    config = load_config()
    ensure_folders(config)
    missing = backups.restore(config, file)
    click.echo("Restored.")
    if missing:
        click.echo(f"These bundles' files are missing, add them again: {', '.join(missing)}", err=True)
        sys.exit(PARTLY_DONE)
