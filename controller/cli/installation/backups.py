"""`shoplaunch backup|restore`: the installation in one file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from controller import backups
from controller.access.actor import command_line
from controller.cli.installation.duties import failure_noted
from controller.cli.terminal.bars import bars_on_terminal
from controller.cli.terminal.confirmation import confirm, yes_option
from controller.cli.terminal.given_file import GivenFile
from controller.cli.terminal.output import PARTLY_DONE, errors_shown
from controller.db.machines.duties import DAY_SECONDS, note_done
from controller.db.upkeep.retention import BACKED_UP
from controller.jobs.intake import duties
from controller.settings.loading import load_config
from controller.settings.sections import Config
from controller.settings.table import PREFIX
from controller.setup.installation import ensure_folders
from shared.errors import ShoplaunchError
from shared.plain_lines import escaped

#: Standard output.
STANDARD = Path("-")
VARIABLE = PREFIX + "BACKUP_PASSPHRASE"
passphrase_option = click.option(
    "--passphrase-file",
    type=GivenFile(path_type=Path),
    help=f"File with the passphrase; default: the variable {VARIABLE}, the settings, the terminal.",
)


def register(group: click.Group) -> None:
    """Add this module's commands to `group`."""
    group.add_command(backup)
    group.add_command(restore)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, readable=False, allow_dash=True))
@click.option(
    "--encrypt", is_flag=True, help="Encrypt it with a passphrase; one that is given or in the settings does that, too."
)
@passphrase_option
@click.option("--verify", is_flag=True, help="Read the backup FILE from end to end instead; nothing is changed.")
@errors_shown
def backup(file: Path, *, encrypt: bool, passphrase_file: Path | None, verify: bool) -> None:
    """Write settings, keys and database into FILE, or to standard output (-). It holds every key: keep it closed."""
    config = load_config()
    if verify:
        _verify(config, file, passphrase_file)
        return
    if file == STANDARD and sys.stdout.isatty():
        raise click.UsageError(
            "a backup is no text for a terminal; name a file, or send it on: shoplaunch backup - | …"
        )
    _require_none_of_today(config, file)
    with failure_noted(config, duties.BACKUP):
        given = _given(config, passphrase_file)
        if given is None and encrypt:
            given = _ask(twice=True)
        _write(config, file, given)
    _note(config, "standard output" if file == STANDARD else str(file.absolute()))
    if file != STANDARD:
        click.echo(f"{file}: {file.stat().st_size} bytes. Bundles are not in it; keep their files too.")


def _write(config: Config, file: Path, passphrase: str | None) -> None:
    with bars_on_terminal() as progress:
        if file == STANDARD:
            with click.open_file("-", "wb") as stream:
                backups.write_backup(config, stream, passphrase, progress)
        else:
            backups.backup(config, file, passphrase, progress)


def _require_none_of_today(config: Config, file: Path) -> None:
    """Raise name_taken where today's backup has that name. No duty has failed then: only whole ones get their names,
    and who made this one may have been killed before it was noted."""
    if file.is_file() and abs(command_line(config).now() - file.stat().st_mtime) < DAY_SECONDS:
        raise ShoplaunchError("name_taken", f"{file} exists already")


def _note(config: Config, where: str) -> None:
    """Note in the audit log that a backup was made: the operator hears of it when there is none for long."""
    actor = command_line(config)
    try:
        actor.change(BACKED_UP, where, lambda connection: note_done(connection, duties.BACKUP, actor.now()))
    except ShoplaunchError as error:
        # It is whole all the same
        click.echo(f"The audit log does not know of this backup: {error.code}: {escaped(error.message)}", err=True)


def _verify(config: Config, file: Path, passphrase_file: Path | None) -> None:
    if not file.is_file():
        raise click.UsageError(f"there is no file {file}")
    with bars_on_terminal() as progress:
        progress.phase("Checking the backup", file.stat().st_size)
        found = backups.read(file, lambda: _passphrase(config, passphrase_file), backups.Nobody(), progress)
    rows = sum(found.tables.values())
    click.echo(
        f"{file} is whole: {found.tables.get('jobs', 0)} jobs, {rows} rows in {len(found.tables)} tables of revision "
        f"{found.revision}, {len(found.files)} files."
    )


@click.command()
@click.argument("file", type=GivenFile(path_type=Path))
@passphrase_option
@yes_option
@errors_shown
def restore(file: Path, passphrase_file: Path | None, yes: bool) -> None:
    """Bring an installation back from FILE, into one without jobs; exit code 3 when bundles have to be added again.

    Every operator's session ends, recovery codes and clients' links to passwords as well. What was revoked, removed or
    changed since FILE was made is as it was: it is listed, for you to look through. Asks where there are operators,
    keys, servers, bundles or orders already.
    """
    config = load_config()
    ensure_folders(config)
    there = backups.replaced(config)
    if there:
        listed = ", ".join(f"{kind}: {count}" for kind, count in there.items())
        confirm(f"What this installation has is replaced by what {file} holds ({listed}). Continue?", yes)
    with bars_on_terminal() as progress:
        missing = backups.restore(config, file, lambda: _passphrase(config, passphrase_file), progress)
    click.echo("Restored.")
    _print_review(backups.reviewed(load_config()))
    if missing:
        click.echo(f"These bundles' files are missing, add them again: {escaped(', '.join(missing))}", err=True)
        sys.exit(PARTLY_DONE)


def _print_review(found: backups.Review) -> None:
    """Print what has ended, and what is restored that may have been revoked."""
    click.echo(
        "Every session of operators is over. Recovery codes are no longer accepted: operators without their app get a "
        "new second factor from one who has it. An app's code counts again after a minute. Links to passwords that "
        "clients had not used when the backup was made open nothing any more."
    )
    click.echo("No backup says what was revoked, removed or changed after it was made. Look through what is back:")
    for line in found.lines():
        click.echo(f"  {escaped(line)}")


def _passphrase(config: Config, file: Path | None) -> str:
    """Return the passphrase of an encrypted backup. Raises as `_given` does."""
    given = _given(config, file)
    return _ask(twice=False) if given is None else given


def _given(config: Config, file: Path | None) -> str | None:
    """Return the passphrase from `file`, else the variable, else the settings; None without any. Raises
    passphrase_missing for one that is empty or no text, OSError."""
    text = os.environ.get(VARIABLE)
    if file is None and text is None and config.backup_passphrase_file:
        file = Path(config.backup_passphrase_file)
    if file is not None:
        text = _text_in(file)
    if text == "":
        raise ShoplaunchError("passphrase_missing", "the passphrase is empty")
    return text


def _text_in(file: Path) -> str:
    try:
        return file.read_text("utf-8").rstrip("\r\n")
    except ValueError:
        raise ShoplaunchError("passphrase_missing", f"{file} holds no text") from None


def _ask(*, twice: bool) -> str:
    if not sys.stdin.isatty():
        raise ShoplaunchError("passphrase_missing", "nobody is there to ask for the passphrase")
    # Standard output may be the backup
    return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True))
