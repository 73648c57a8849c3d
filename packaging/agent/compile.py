"""Compiles modules for the Python that runs this, 3.6 or newer; writes what agent.base.module_finder reads.

Standard input is a JSON object: path of each module in the archive -> its source. Standard output is the magic number
in hexadecimal, a line end, and the marshalled code: of each module by itself packed, as few of them are loaded.
"""

import ast
import json
import marshal
import sys
import zlib
from importlib.util import MAGIC_NUMBER

#: References, which came with version 3, depend on what else is alive: the same source would give other bytes. Since
#: 3.14 code holds slices, which only version 5 can write.
VERSION = 2 if sys.version_info < (3, 14) else marshal.version


def name_of(path):
    """Return the dotted name of the module at `path`."""
    return (path[: -len("/__init__.py")] if path.endswith("/__init__.py") else path[: -len(".py")]).replace("/", ".")


def without_docstrings(source):
    """Return the tree of `source` without its docstrings: nobody asks for them, and each would be loaded."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:] or [ast.copy_location(ast.Pass(), node.body[0])]
    return tree


def main():
    """Compile standard input to standard output."""
    sources = json.loads(sys.stdin.buffer.read().decode("utf-8"))
    code = {}
    for path, source in sorted(sources.items()):
        compiled = compile(without_docstrings(source), path, "exec", dont_inherit=True, optimize=0)
        code[name_of(path)] = (path, zlib.compress(marshal.dumps(compiled, VERSION), 9))
    sys.stdout.buffer.write(MAGIC_NUMBER.hex().encode("ascii") + b"\n" + marshal.dumps(code, VERSION))


if __name__ == "__main__":
    main()
