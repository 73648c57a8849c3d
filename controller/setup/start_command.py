"""The command that starts this installation's service: of a package its units, else the program itself."""

from __future__ import annotations

import sys
from pathlib import Path

#: Where the package is; its services are the system's.
_PACKAGED = "/opt/shoplaunch/"


def start_command() -> str:
    """Return what an operator runs to start the service, or to start it again."""
    if Path(sys.prefix).resolve().as_posix().startswith(_PACKAGED):
        return "systemctl restart shoplaunch-web shoplaunch-worker"
    return "shoplaunch serve"
