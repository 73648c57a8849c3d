"""Sources passed to a Python process that starts as root: after becoming the account it can read no files of them."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent
_PACKAGE = "controller.panels.local.as_account"


def joined(*names: str) -> str:
    """Return the last of these modules as one source, with those it imports from: each only knows those before it."""
    *known, last = names
    lines = ["import sys, types"]
    for name in known:
        module, source = f"{_PACKAGE}.{name}", (_FOLDER / f"{name}.py").read_text()
        lines += [
            f"given = sys.modules[{module!r}] = types.ModuleType({module!r})",
            f"exec(compile({source!r}, '{name}.py', 'exec'), given.__dict__)",
        ]
    return "\n".join([*lines, f"exec(compile({(_FOLDER / f'{last}.py').read_text()!r}, '{last}.py', 'exec'))"])
