"""Compiles the agent's modules for several Pythons: an account with one of these starts the agent twice as fast.

Any other Python finds no code for its magic number and compiles the source next to it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.util import MAGIC_NUMBER

from controller.agent_archive.locations import PACKAGING
from shared.encoding import canonical_json
from shared.errors import ShoplaunchError

COMPILER = PACKAGING / "compile.py"
#: The archive's folder for bytecode; each member is named by a Python's magic number in hexadecimal.
BYTECODE = "bytecode"
#: The slowest Python takes two seconds.
TIMEOUT_SECONDS = 120
_MAGIC = re.compile(rb"[0-9a-f]{8}")
#: Modules that run before bytecode can be found, on any Python: they stay source.
_FIRST = ("__main__.py", "agent/__init__.py", "agent/base/module_finder.py")


def code_names(pythons: Iterable[str]) -> set[str]:
    """Return the names of the archive's members that hold code for this Python and `pythons` (paths).

    Raises ShoplaunchError `config_invalid` for a path that is not a Python able to compile.
    """
    return {f"{BYTECODE}/{MAGIC_NUMBER.hex()}", *compiled_modules({}, pythons)}


def compiled_modules(files: Mapping[str, bytes], pythons: Iterable[str] = (sys.executable,)) -> dict[str, bytes]:
    """Return name -> content of the archive's members with the code of the modules among `files` (name in the archive
    -> content), one for each of `pythons` (paths); same input, same bytes.

    Raises ShoplaunchError `config_invalid` for a path that is not a Python able to compile.
    """
    sources = {name: text.decode() for name, text in files.items() if name.endswith(".py") and name not in _FIRST}
    document = canonical_json(sources)
    return {f"{BYTECODE}/{magic}": code for magic, code in (_compiled(python, document) for python in pythons)}


@lru_cache(maxsize=16)
def _compiled(python: str, document: bytes) -> tuple[str, bytes]:
    """Return (magic number in hexadecimal, code) of the modules in `document`, as `python` compiles them."""
    try:
        command = [python, "-I", "-S", str(COMPILER)]
        done = subprocess.run(command, input=document, capture_output=True, check=True, timeout=TIMEOUT_SECONDS)
    except OSError as problem:
        raise ShoplaunchError("config_invalid", f"{python}: {problem.strerror}") from None
    except subprocess.TimeoutExpired:
        raise ShoplaunchError("config_invalid", f"{python} has not compiled anything in {TIMEOUT_SECONDS} s") from None
    except subprocess.CalledProcessError as problem:
        words = (problem.stderr.strip() or problem.stdout.strip()).decode("utf-8", "replace")
        last = (words.splitlines() or ["no word"])[-1]
        raise ShoplaunchError("config_invalid", f"{python} cannot compile the agent: {last[:200]}") from None
    magic, _, code = done.stdout.partition(b"\n")
    if not _MAGIC.fullmatch(magic) or not code:
        raise ShoplaunchError("config_invalid", f"{python} is no Python")
    return magic.decode("ascii"), code
