"""Compiles the agent's modules for the Python that builds it: an account with the same one starts twice as fast.

Every other Python finds another magic number, and compiles the source that lies beside it.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Mapping
from importlib.util import MAGIC_NUMBER, source_hash

#: PEP 552: found by its source's digest, which nobody compares: both came into the archive together.
_UNCHECKED_HASH = (0b01).to_bytes(4, "little")
#: References, which came with version 3, depend on what else is alive: the same source would give other bytes. Since
#: 3.14 code holds slices, which only version 5 can write.
_MARSHAL_VERSION = 2 if sys.version_info < (3, 14) else marshal.version
#: The one module that every Python has to understand, whichever it is.
_MAIN = "__main__.py"


def compiled_modules(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return name -> content of what belongs beside the modules among `files` (name in the archive -> content)."""
    return {
        f"{name}c": compiled(name, source) for name, source in files.items() if name.endswith(".py") and name != _MAIN
    }


def compiled(name: str, source: bytes) -> bytes:
    """Return what a `.pyc` holds for the module `source` that the archive calls `name`; same input, same bytes."""
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    return MAGIC_NUMBER + _UNCHECKED_HASH + source_hash(source) + marshal.dumps(code, _MARSHAL_VERSION)
