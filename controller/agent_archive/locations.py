"""Where the parts of the agent lie: in a clone, or in the virtual environment that a package of the system made."""

from __future__ import annotations

import re
import sys
from pathlib import Path

#: The folder with the packages `agent`, `controller` and `shared`.
PROJECT = Path(__file__).resolve().parents[2]
#: What an installed wheel carries beside its modules (`data-files` of pyproject.toml).
_SHARED_FILES = Path(sys.prefix) / "share" / "shoplaunch"
_IS_CLONE = (PROJECT / "packaging" / "agent").is_dir()
#: What archives start with, launcher, compiler, ASCII armor and the list of pinned libraries.
PACKAGING = PROJECT / "packaging" / "agent" if _IS_CLONE else _SHARED_FILES / "agent"
#: The wheels of the pinned libraries.
WHEELS = PROJECT / "build" / "vendor" if _IS_CLONE else _SHARED_FILES / "vendor"
_VERSION = re.compile(r'^VERSION = "([^"]+)"$', re.MULTILINE)


def agent_version() -> str:
    """Return the version of the agent that is built here, which is read and not imported."""
    found = _VERSION.search((PROJECT / "agent" / "__init__.py").read_text("utf-8"))
    return found[1] if found else "unknown"
