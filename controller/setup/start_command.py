"""The command that starts this installation's service: of a package its units, of an image its container."""

from __future__ import annotations

from shared import installed

_COMMANDS = {
    installed.CLONE: "shoplaunch serve",
    installed.PACKAGE: "systemctl restart shoplaunch-web shoplaunch-worker",
    installed.IMAGE: "podman restart shoplaunch",
}


def start_command() -> str:
    """Return what an operator runs to start the service, or to start it again."""
    return _COMMANDS[installed.KIND]
