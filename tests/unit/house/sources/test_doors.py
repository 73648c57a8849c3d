"""Pages and commands go through the doors: they name neither a database engine nor the keys, and no door is a heap."""

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[4]
ASKERS = [path for room in ("cli", "web") for path in sorted((PROJECT / "controller" / room).rglob("*.py"))]
DOORS = [*sorted((PROJECT / "controller" / "jobs" / "intake" / "doors").glob("[a-z]*.py"))]
DOORS.append(PROJECT / "controller" / "access" / "door.py")
BEHIND = {"engine", "installation", "keys"}
#: What each kind of asker may call is a door of its own; seven instead of three, as none may be a heap.
NAMES = {"orders", "jobs", "clients", "agents", "monitoring", "retention", "door"}
#: Commands that give a query of theirs to a transaction of a door -> why.
IN_A_TRANSACTION = {"controller/cli/installation/backups.py": "notes a backup together with its entry in the log"}
#: What a function calls the connection of a transaction that it is given.
TRANSACTIONS = {"connection", "transaction", "tx"}


def reached(tree):
    """Yield what stands behind a door and is named in the module: attributes, imports of SQLAlchemy, and functions
    that are given a transaction's connection."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in BEHIND and not is_mapping_call(tree, node):
            yield node.attr, node.lineno
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            if any(name.split(".")[0] == "sqlalchemy" for name in names):
                yield "sqlalchemy", node.lineno
        elif is_given_a_transaction(node):
            yield "transaction", node.lineno


def is_given_a_transaction(node):
    """Return whether this is a function, or a parameter of one, that gets a transaction's connection."""
    if isinstance(node, ast.Lambda):
        return any(one.arg in TRANSACTIONS for one in node.args.args)
    annotation = node.annotation if isinstance(node, ast.arg) else None
    return annotation is not None and ast.unparse(annotation).startswith(("sa.", "sqlalchemy."))


def is_mapping_call(tree, attribute):
    """Tell `mapping.keys()` from an installation's keys."""
    called = any(isinstance(node, ast.Call) and node.func is attribute and not node.args for node in ast.walk(tree))
    return attribute.attr == "keys" and called


@pytest.mark.parametrize("path", ASKERS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_pages_and_commands_touch_neither_engine_nor_keys_and_query_nothing(path):
    found = [name for name, _line in reached(ast.parse(path.read_text("utf-8")))]
    assert found == ["transaction"] * (str(path.relative_to(PROJECT)) in IN_A_TRANSACTION)


def test_what_stands_behind_a_door_is_seen():
    code = "import sqlalchemy as sa\nservice().engine\nservice.installation.keys.encrypt('x')\n{}.keys()\n"
    assert sorted(name for name, _line in reached(ast.parse(code))) == ["engine", "installation", "keys", "sqlalchemy"]


@pytest.mark.parametrize(
    ("code", "is_seen"),
    [
        ("door.change(lambda connection: note(connection))", True),
        ("door.change(lambda tx, more=1: note(tx))", True),
        ("def note(held: sa.Connection, name): pass", True),
        ("def note(held: 'socket.socket'): pass", False),
        ("door.change(lambda: note())", False),
        ("sorted(rows, key=lambda row: row.name)", False),
    ],
)
def test_a_query_that_is_given_to_a_transaction_is_seen(code, is_seen):
    assert [name for name, _line in reached(ast.parse(code))] == ["transaction"] * is_seen


def test_no_door_is_a_heap():
    for path in DOORS:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                methods = [one.name for one in node.body if isinstance(one, ast.FunctionDef)]
                assert len(methods) <= 20, (path.name, len(methods))
    assert {path.stem for path in DOORS} == NAMES
