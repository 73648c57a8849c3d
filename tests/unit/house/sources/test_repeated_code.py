"""No six lines of the product stand twice, but those whose reason is written here."""

import ast
from collections import defaultdict
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[4]
ROOTS = ("agent", "controller", "packaging", "shared")
LINES = 6
#: Migrations are what ran at their time, each by itself.
LEFT_OUT = "controller/db/migrations/versions/"
#: The files of repeated lines -> why they are repeated.
EXPLAINED = {
    ("agent/stages/import_.py", "agent/stages/import_.py"): "two functions that are given the same: parameters",
    (
        "controller/db/documents.py",
        "controller/db/jobs.py",
    ): "a job as a record, and the columns that one change writes; tests/unit/db/test_columns.py compares them",
    ("controller/db/documents.py", "controller/db/steps.py"): "the same of a step",
    ("controller/db/migrations/exact_text.py", "controller/db/migrations/resuming.py"): (
        "both take the place of one method of Alembic, which has these parameters"
    ),
}
TWICE = "def first(a, b):\n    x = 1\n    y = 2\n    z = 3\n    u = 4\n    v = 5\n    return x + y\n"


def code_of(text):
    """Return (number, line) of each line of code: no blanks, comments, docstrings, imports, closing brackets."""
    left_out = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            left_out.update(range(node.lineno, node.end_lineno + 1))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)) and ast.get_docstring(node) is not None:
            left_out.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if number not in left_out)
    return [(number, line) for number, line in lines if line and line[0] != "#" and line.strip(")]},")]


def repeated(texts):
    """Return the places (file, line) of each run of LINES lines that stands twice in `texts` (file -> text)."""
    places = defaultdict(list)
    for file, text in texts.items():
        code = code_of(text)
        for first in range(len(code) - LINES + 1):
            places[tuple(line for _number, line in code[first : first + LINES])].append((file, code[first][0]))
    return [found for found in places.values() if len(found) > 1]


def product():
    """Return file -> text of the product's modules."""
    files = [path for root in ROOTS for path in (PROJECT / root).rglob("*.py")]
    names = {path.relative_to(PROJECT).as_posix(): path for path in files}
    return {name: path.read_text("utf-8") for name, path in sorted(names.items()) if not name.startswith(LEFT_OUT)}


def test_no_six_lines_stand_twice_without_a_reason():
    found = repeated(product())
    assert [places for places in found if tuple(file for file, _line in places) not in EXPLAINED] == []
    assert {tuple(file for file, _line in places) for places in found} == set(EXPLAINED)


def test_repeated_lines_are_seen():
    other = TWICE.replace("first", "second").replace("\n", "\n\n    # Why\n", 1)
    assert repeated({"a.py": TWICE, "b.py": other}) == [[("a.py", 2), ("b.py", 4)]]
    assert repeated({"a.py": TWICE, "b.py": other.replace("z = 3", "z = 4")}) == []
