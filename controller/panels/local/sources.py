"""The sources that a Python of root's is started with: what it needs cannot be read any more once it is the account."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent
_CHILD = "controller.panels.local.child"


def alone() -> str:
    """Return child.py."""
    return (_FOLDER / "child.py").read_text()


def with_child(name: str) -> str:
    """Return the file `name` as one source, with child.py, the module it takes from."""
    lines = (
        "import sys, types",
        f"given = sys.modules[{_CHILD!r}] = types.ModuleType({_CHILD!r})",
        f"exec(compile({alone()!r}, 'child.py', 'exec'), given.__dict__)",
        f"exec(compile({(_FOLDER / name).read_text()!r}, {name!r}, 'exec'))",
    )
    return "\n".join(lines)
