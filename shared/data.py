"""What lies beside our modules, in their folder or in the agent's archive."""

import os

MYPY = False
if MYPY:
    from typing import Any


def read(module: "dict[str, Any]", name: str) -> bytes:
    """Return the bytes of the file `name` (relative) beside the module whose globals are `module`. Raises OSError."""
    # Not by pkgutil: with all that it loads, it takes longer than to read any of ours
    content: bytes = module["__spec__"].loader.get_data(os.path.join(os.path.dirname(module["__file__"]), name))
    return content
