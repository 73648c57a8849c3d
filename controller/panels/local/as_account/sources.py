"""The sources that a Python of root's is started with: what it needs cannot be read any more once it is the account."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent
_HELPER = "controller.panels.local.as_account.helper"


def alone() -> str:
    """Return helper.py."""
    return (_FOLDER / "helper.py").read_text()


def with_helper(name: str) -> str:
    """Return the file `name` as one source, with helper.py, the module it takes from."""
    lines = (
        "import sys, types",
        f"given = sys.modules[{_HELPER!r}] = types.ModuleType({_HELPER!r})",
        f"exec(compile({alone()!r}, 'helper.py', 'exec'), given.__dict__)",
        f"exec(compile({(_FOLDER / name).read_text()!r}, {name!r}, 'exec'))",
    )
    return "\n".join(lines)
