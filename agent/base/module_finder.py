"""Finds the archive's modules compiled: beside the sources lies their code for the Pythons the builder had."""

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
    """Modules come from the code for this Python in `folder` of `archive` (path) from now on; without any, from their
    sources. Each of its members is called by a Python's magic number in hexadecimal."""
    try:
        reader = zipimport.zipimporter(archive)
        packed = reader.get_data("{}/{}".format(folder, MAGIC_NUMBER.hex()))
    except (OSError, zipimport.ZipImportError):
        # Another Python's agent, or one that was unpacked: what is needed is compiled
        return
    code = marshal.loads(packed)  # noqa: S302 - as ours as the archive
    sys.meta_path.insert(0, Compiled(archive, reader.get_data, code))


class Compiled:
    """A finder and loader (PEP 451) of the modules in `code`: name -> (path of the source in `archive`, packed code).

    `get_data(path)` returns what else lies in the archive.
    """

    def __init__(self, archive: str, get_data: "Callable[[str], bytes]", code: "dict[str, tuple[str, bytes]]") -> None:
        self.get_data = get_data
        self._archive = archive
        self._code = code

    def find_spec(
        self, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Return the spec of module `name`, None when it is none of ours."""
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
        """Leave it to the interpreter."""

    def exec_module(self, module: "ModuleType") -> None:
        """Run the module's code in it."""
        exec(marshal.loads(zlib.decompress(self._code[module.__name__][1])), module.__dict__)  # noqa: S102, S302 - what loaders do
