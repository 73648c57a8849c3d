"""Loads the archive's modules from compiled code: it lies next to the sources, for each Python the builder had."""

import marshal
import sys
import zipimport
import zlib
from importlib.machinery import ModuleSpec
from importlib.util import MAGIC_NUMBER

MYPY = False
if MYPY:
    from types import ModuleType
    from typing import Any, Callable, Sequence


def install(archive: str, folder: str) -> None:
    """Load modules from the code for this Python in `folder` of `archive` (path) from now on; without such code, from
    their sources. A member of `folder` is named by a Python's magic number in hexadecimal."""
    try:
        reader = zipimport.zipimporter(archive)
        packed = reader.get_data("{}/{}".format(folder, MAGIC_NUMBER.hex()))
    except (OSError, zipimport.ZipImportError):
        # No code for this Python, or an unpacked agent: modules are compiled on import
        return
    code = marshal.loads(packed)  # noqa: S302 - part of our own archive
    sys.meta_path.insert(0, Compiled(archive, reader.get_data, code))


class Compiled:
    """A finder and loader (PEP 451) of the modules in `code`: name -> (path of the source in `archive`, packed code).

    `get_data(path)` returns other files of the archive.
    """

    def __init__(self, archive: str, get_data: "Callable[[str], bytes]", code: "dict[str, tuple[str, bytes]]") -> None:
        self.get_data = get_data
        self._archive = archive
        self._code = code

    def find_spec(
        self, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Return the spec of module `name`, None when the archive has no such module."""
        if name not in self._code:
            return None
        source = "{}/{}".format(self._archive, self._code[name][0])
        loader: "Any" = self
        spec = ModuleSpec(name, loader, origin=source)
        spec.has_location = True
        if source.endswith("/__init__.py"):
            spec.submodule_search_locations = [source.rpartition("/")[0]]
        return spec

    def create_module(self, spec: "ModuleSpec") -> None:
        """Return None: the interpreter creates the module."""

    def exec_module(self, module: "ModuleType") -> None:
        """Run the module's code in `module`."""
        exec(marshal.loads(zlib.decompress(self._code[module.__name__][1])), module.__dict__)  # noqa: S102, S302 - a loader's task
