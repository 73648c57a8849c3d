"""Pages and commands go through the doors: they name neither a database engine nor the keys, and no door is a heap."""

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
ASKERS = [path for room in ("cli", "web") for path in sorted((PROJECT / "controller" / room).rglob("*.py"))]
DOORS = [*sorted((PROJECT / "controller" / "jobs" / "intake" / "doors").glob("[a-z]*.py"))]
DOORS.append(PROJECT / "controller" / "access" / "door.py")
BEHIND = {"engine", "installation", "keys"}


def reached(tree):
    """Yield what stands behind a door and is named in the module: attributes, and imports of SQLAlchemy."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in BEHIND and not is_mapping_call(tree, node):
            yield node.attr, node.lineno
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            if any(name.split(".")[0] == "sqlalchemy" for name in names):
                yield "sqlalchemy", node.lineno


def is_mapping_call(tree, attribute):
    """Tell `mapping.keys()` from an installation's keys."""
    called = any(isinstance(node, ast.Call) and node.func is attribute and not node.args for node in ast.walk(tree))
    return attribute.attr == "keys" and called


@pytest.mark.parametrize("path", ASKERS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_pages_and_commands_touch_neither_engine_nor_keys(path):
    assert list(reached(ast.parse(path.read_text("utf-8")))) == []


def test_what_stands_behind_a_door_is_seen():
    code = "import sqlalchemy as sa\nservice().engine\nservice.installation.keys.encrypt('x')\n{}.keys()\n"
    assert sorted(name for name, _line in reached(ast.parse(code))) == ["engine", "installation", "keys", "sqlalchemy"]


def test_no_door_is_a_heap():
    for path in DOORS:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                methods = [one.name for one in node.body if isinstance(one, ast.FunctionDef)]
                assert len(methods) <= 20, (path.name, len(methods))
    assert {path.stem for path in DOORS} >= {"orders", "jobs", "door"}
