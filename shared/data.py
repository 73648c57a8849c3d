"""Reads data files that lie next to our modules, in their folder or in the agent's archive."""

import os

MYPY = False
if MYPY:
    from typing import Any


def read(module: "dict[str, Any]", name: str) -> bytes:
    """Return the bytes of the file `name` (relative) next to the module with globals `module`. Raises OSError."""
    # Not with pkgutil: importing it takes longer than reading any of our files
    content: bytes = module["__spec__"].loader.get_data(os.path.join(os.path.dirname(module["__file__"]), name))
    return content
