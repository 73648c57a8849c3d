"""Sources passed to a Python process that starts as root: after becoming the account it can read no files of them."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent
_HELPER = "controller.panels.local.as_account.helper"


def alone() -> str:
    """Return the source of helper.py."""
    return (_FOLDER / "helper.py").read_text()


def with_helper(name: str) -> str:
    """Return the file `name` and helper.py, which it imports from, as one source."""
    lines = (
        "import sys, types",
        f"given = sys.modules[{_HELPER!r}] = types.ModuleType({_HELPER!r})",
        f"exec(compile({alone()!r}, 'helper.py', 'exec'), given.__dict__)",
        f"exec(compile({(_FOLDER / name).read_text()!r}, {name!r}, 'exec'))",
    )
    return "\n".join(lines)
