"""The catalogue of error codes and the code that raises them name the same codes."""

import ast
from pathlib import Path

import pytest

from shared.errors import CODES

PROJECT = Path(__file__).resolve().parents[3]
FOLDERS = ("agent", "controller", "shared", "packaging")
LAUNCHER = PROJECT / "packaging" / "agent" / "run"
SOURCES = sorted(path for folder in FOLDERS for path in (PROJECT / folder).rglob("*.py"))
#: Calls whose first argument is a code.
TAKES_A_CODE = ("ShoplaunchError", "PanelError", "show_error")


def texts(tree):
    """Return every string of a module but its docstrings."""
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said
    }


def raised(tree):
    """Return (line, code) of every call that is given a code as it stands."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        first = node.args[0]
        if name in TAKES_A_CODE and isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield node.lineno, first.value


@pytest.fixture(scope="module")
def modules():
    return {path.relative_to(PROJECT): ast.parse(path.read_text("utf-8")) for path in SOURCES}


def test_every_code_that_is_raised_is_in_the_catalogue(modules):
    found = [(path, line, code) for path, tree in modules.items() for line, code in raised(tree)]
    assert len(found) > 100
    assert [one for one in found if one[2] not in CODES] == []


def test_every_code_of_the_catalogue_is_used(modules):
    used = set().union(*map(texts, modules.values()))
    launcher = LAUNCHER.read_text("utf-8")
    assert [code for code in CODES if code not in used and code not in launcher] == []


def test_the_catalogue_is_in_alphabetical_order():
    assert list(CODES) == sorted(CODES)
