"""An import within a function is the exception, and says why: it is slow, rarely needed, or not there everywhere."""

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[4]
MODULES = [
    path
    for package in ("agent", "controller", "shared")
    for path in sorted((PROJECT / package).rglob("*.py"))
    # Alembic's own interface
    if "migrations" not in path.parts
]


def unexplained(source):
    """Yield the line of each first import of a function above which no comment stands."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        late = sorted(one.lineno for one in ast.walk(node) if isinstance(one, ast.Import | ast.ImportFrom))
        # Of imports that follow one another the first one says it
        first = [line for line in late if line - 1 not in late]
        yield from (line for line in first if not lines[line - 2].lstrip().startswith("#"))


def test_every_import_within_a_function_says_why():
    found = [f"{path.relative_to(PROJECT)}:{line}" for path in MODULES for line in unexplained(path.read_text("utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    "code, lines",
    [
        ("def a():\n    import html\n", [2]),
        ("def a():\n    # Rarely needed\n    import html\n    import json\n", []),
        ("def a():\n    # Rarely needed\n    import html\n\n    import json\n", [5]),
        ("import html\n", []),
    ],
)
def test_one_without_a_reason_is_seen(code, lines):
    assert list(unexplained(code)) == lines
