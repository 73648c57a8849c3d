"""Removes type annotations from the agent's sources: each start would have to compile or load them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate

#: The name mypy takes for true: code under it is for type checking only.
TYPES_ONLY = "MYPY"
#: Modules of the agent and of `shared`; each is needed at every build, and at every check of an existing agent.
MODULES = 256


@lru_cache(maxsize=MODULES)
def untyped(source: bytes) -> bytes:
    """Return the module `source` without annotations and without the code under TYPES_ONLY; line numbers stay."""
    starts = [0, *accumulate(len(line) for line in source.splitlines(keepends=True))]
    cuts = sorted(
        ((starts[line - 1] + column, starts[last - 1] + end, text) for line, column, last, end, text in _cuts(source)),
        reverse=True,
    )
    for begin, end, text in cuts:
        source = source[:begin] + text + b"\n" * source.count(b"\n", begin, end) + source[end:]
    return source


def _cuts(source: bytes) -> Iterator[tuple[int, int, int, int, bytes]]:
    """Yield each cut: line and column of its first byte, of the byte after its last, and the replacement."""
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
