"""No module and no function grows beyond what one reads at a sitting, and each that others call says what it does."""

import ast
import re
from pathlib import Path

from tests.system.upgrade.conftest import VERSIONS

ROOT = Path(__file__).parents[4]
#: Installations of earlier versions, each named by its commit.
STORED = re.compile(r"/tests/system/upgrade/[0-9a-f]{7,40}/")
FOLDERS = ("agent", "controller", "shared", "tests", "packaging")
MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 40
#: Longer functions -> why they are in one piece.
LONGER = {
    "agent/session/context.py __init__": "the attributes of an attempt, most with a remark",
    "tests/support/shops/databases/dump_styles.py _by_adminer": "the text of a dump",
    "tests/support/shops/databases/dump_styles.py _by_dump_tool": "the text of a dump",
    "tests/support/shops/databases/dump_styles.py _by_heidisql": "the text of a dump",
}
#: More of them belong together: a fixture or a type that holds them has a name of its own.
MOST_PARAMETERS = 6


def test_every_module_has_fewer_than_four_hundred_lines():
    lengths = {str(path.relative_to(ROOT)): lines_of(path.read_text()) for path in modules(FOLDERS)}
    assert len(lengths) > 300
    assert {name: length for name, length in lengths.items() if length >= MOST_LINES} == {}


def lines_of(text):
    """Return how many lines a module has."""
    return len(text.splitlines())


def functions(text):
    """Yield (name, lines) of the functions of a module's text."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            yield node.name, node.end_lineno - node.lineno + 1


def modules(folders=FOLDERS[:4]):
    """Return the modules that are measured: all but what is run with the packages of an earlier version."""
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return [path for path in found if not STORED.search(str(path))]


def test_stored_installations_of_earlier_versions_are_left_out():
    stored = [path for path in (ROOT / "tests" / "system" / "upgrade").glob("*/*.py") if path.parent.name in VERSIONS]
    assert {path.parent.name for path in stored} == set(VERSIONS)
    assert set(stored).isdisjoint(modules())
    assert ROOT / "tests" / "system" / "upgrade" / "conftest.py" in modules()


def test_no_function_has_more_than_forty_lines_without_a_reason():
    lengths = {
        f"{path.relative_to(ROOT)} {name}": lines for path in modules() for name, lines in functions(path.read_text())
    }
    assert len(lengths) > 2000
    longer = {name: lines for name, lines in lengths.items() if lines > MOST_LINES_OF_A_FUNCTION}
    assert {name: lines for name, lines in longer.items() if name not in LONGER} == {}
    assert set(LONGER) <= set(longer)


def definitions(text):
    """Return the functions of a module's text, methods and inner ones included."""
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]


def parameters(node):
    """Return how many parameters a function has, without the instance it is called on."""
    named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return len([one for one in named if one.arg not in ("self", "cls")])


def test_no_function_fixture_or_test_has_more_than_six_parameters():
    counts = {
        f"{path.relative_to(ROOT)} {node.name}": parameters(node)
        for path in modules()
        for node in definitions(path.read_text())
    }
    assert len(counts) > 8000
    assert {name: count for name, count in counts.items() if count > MOST_PARAMETERS} == {}


def test_every_public_function_of_a_module_says_what_it_does():
    found = {
        f"{path.relative_to(ROOT)} {name}": said
        for path in modules(FOLDERS[:3])
        for name, said in docstrings(path.read_text()).items()
    }
    assert len(found) > 1000
    assert [name for name, said in found.items() if not said] == []


def docstrings(text):
    """Return name -> docstring, None where it has none, of the public functions of a module's text."""
    public = [one for one in ast.parse(text).body if isinstance(one, ast.FunctionDef) and not one.name.startswith("_")]
    return {node.name: ast.get_docstring(node) for node in public}


#: A short function, one with a line more than is allowed, one with a parameter more, a private one.
SAMPLE = """
def short(): pass
class Outer:
    def long(self):
BODY
def wide(a, b, /, c, d, *, e, f, g): "said"
def _private(): pass
""".replace("BODY", "        pass\n" * MOST_LINES_OF_A_FUNCTION)


def test_what_is_too_long_too_wide_or_says_nothing_is_seen():
    assert dict(functions(SAMPLE)) == {"short": 1, "long": MOST_LINES_OF_A_FUNCTION + 1, "wide": 1, "_private": 1}
    assert {node.name: parameters(node) for node in definitions(SAMPLE)} == {
        "short": 0, "long": 0, "wide": MOST_PARAMETERS + 1, "_private": 0
    }  # fmt: skip
    assert docstrings(SAMPLE) == {"short": None, "wide": "said"}
    assert lines_of("a\n" * (MOST_LINES - 1)) < MOST_LINES <= lines_of("a\n" * MOST_LINES)
