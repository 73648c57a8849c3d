"""The operator's command line: `shoplaunch`. Each module of this package adds its commands to the group."""

from __future__ import annotations

import gc
import importlib
from pathlib import Path
from typing import Any

import click

from controller import log_entries
from controller.cli.installation.version_option import version_options
from controller.cli.terminal import encodings
from controller.cli.terminal.output import errors_shown
from controller.follow_up_kinds import KINDS
from controller.settings.loading import home_folder, load_config
from shared.errors import ShoplaunchError

#: The value of controller.access.restores, repeated here because importing it takes longer than many commands.
RESTORING = ".restoring"
#: Modules of the commands that run on.
SERVICES = ("serve", "worker")
#: Module -> the commands it adds, but those of follow-up jobs.
MODULES = {
    "installation.setup": ("init", "migrate", "doctor"),
    "installation.first_run": ("setup",),
    "installation.settings": ("config",),
    "users": ("user",),
    "keys": ("key",),
    "serve": ("serve",),
    "worker": ("worker",),
    "engines": ("engine",),
    "packing.pack": ("pack",),
    "bundles": ("bundle",),
    "servers.server": ("server",),
    "servers.skeletons": ("skeleton",),
    "agents": ("agent",),
    "orders": ("order",),
    "refused": ("refused",),
    "jobs": ("jobs", "show", "watch", "retry", "cancel", "certificate"),
    "errors": ("errors",),
    "installation.backups": ("backup", "restore"),
    "installation.retention": ("retention", "prune", "forget"),
}


def modules() -> dict[str, tuple[str, ...]]:
    """Return module -> the commands it adds."""
    return {**MODULES, "follow_up": tuple(kind.command for kind in KINDS.values())}


class Commands(click.Group):
    """A group that loads only the module of the command that is run: importing everything takes most of a second."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command, on a terminal of any encoding."""
        encodings.settle()
        return super().main(*args, **kwargs)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return every command's name, sorted."""
        return sorted(name for names in modules().values() for name in names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, None when there is none of that name."""
        for module, names in modules().items():
            if cmd_name in names and cmd_name not in self.commands:
                _load(module).register(self)
        return super().get_command(ctx, cmd_name)


@errors_shown
def _load(module: str) -> Any:
    """Return the module. Raises file_error for a service in a folder that is gone: what it starts would fail there."""
    if module in SERVICES:
        try:
            Path.cwd()
        except FileNotFoundError:
            message = "the folder this is started in is gone; start it in another one, such as /"
            raise ShoplaunchError("file_error", message) from None
        return _loaded_to_stay(f"controller.cli.{module}")
    return importlib.import_module(f"controller.cli.{module}")


def _loaded_to_stay(name: str) -> object:
    """Return the module; no garbage is looked for in what it loads, which takes a tenth of the time of a start."""
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        # A collection would begin at once otherwise, and look at all of it
        gc.freeze()
        gc.enable()


@click.group(cls=Commands)
@version_options
@errors_shown
def main() -> None:
    """Give every new hosting account a working shop, by itself."""
    log_entries.begin_plain()
    # A restore was interrupted: no command may see half of it
    if (home_folder() / RESTORING).is_dir() and importlib.import_module("controller.backups").settle(load_config()):
        click.echo("The restore that was cut off is complete now; `shoplaunch doctor` says what to look at.", err=True)
