"""Takes out of the agent's sources what they say about types: at each start it would be compiled, or loaded."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate

#: What mypy takes for true: under it stands what is about types.
TYPES_ONLY = "MYPY"
#: Modules of the agent and of what it shares; each is asked for at every build, and whenever an agent is looked at.
MODULES = 256


@lru_cache(maxsize=MODULES)
def untyped(source: bytes) -> bytes:
    """Return the module `source` without annotations, and with nothing under TYPES_ONLY; lines keep their numbers."""
    starts = [0, *accumulate(len(line) for line in source.splitlines(keepends=True))]
    cuts = sorted(
        ((starts[line - 1] + column, starts[last - 1] + end, text) for line, column, last, end, text in _cuts(source)),
        reverse=True,
    )
    for begin, end, text in cuts:
        source = source[:begin] + text + b"\n" * source.count(b"\n", begin, end) + source[end:]
    return source


def _cuts(source: bytes) -> Iterator[tuple[int, int, int, int, bytes]]:
    """Yield (line and column of the first byte, of the one behind the last, what stands there instead) of each."""
    lines = source.splitlines()
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == TYPES_ONLY:
            yield *_start(node.body[0]), *_end(node.body[-1]), b"pass"
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.arg) and node.annotation is not None:
            line, column = _start(node)
            yield line, column + len(node.arg.encode()), *_end(node.annotation), b""
        elif isinstance(node, ast.FunctionDef) and node.returns is not None:
            line, column = _start(node.returns)
            yield line, lines[line - 1].rindex(b" ->", 0, column), *_end(node.returns), b""
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield *_end(node.target), *_end(node.annotation), b""
        elif isinstance(node, ast.AnnAssign):
            yield *_start(node), *_end(node), b"pass"


def _start(node: ast.stmt | ast.expr | ast.arg) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _end(node: ast.stmt | ast.expr | ast.arg) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or 0
